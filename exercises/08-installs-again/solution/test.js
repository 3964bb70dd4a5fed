// Looks at the recipes before they are served: each begins with its name.
import { readdir, readFile } from 'node:fs/promises';
import pico from 'picocolors';

const folder = new URL('./recipes/', import.meta.url);

for (const name of await readdir(folder)) {
	const text = await readFile(new URL(name, folder), 'utf8');
	const good = text.startsWith('# ');
	console.log(good ? pico.green('good') : pico.red('without a name'), name);
	if (!good) process.exitCode = 1;
}
