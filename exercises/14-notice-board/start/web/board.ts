interface Board {
	title: string;
	notices: { name: string; rendered: boolean }[];
}

async function show(): Promise<void> {
	const board: Board = await (await fetch('/api/notices')).json();
	document.title = board.title;
	document.querySelector('h1')!.textContent = board.title;
	document.querySelector('ul')!.replaceChildren(
		...board.notices.map((notice) => {
			const link = document.createElement('a');
			link.textContent = notice.name;
			if (notice.rendered) link.href = `/notices/${notice.name}`;
			const line = document.createElement('li');
			line.append(link);
			return line;
		}),
	);
}

void show();
setInterval(show, 2000);
