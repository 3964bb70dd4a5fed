// The notice board's web server.
//
// GET  /               the board
// GET  /api/notices    {"title": …, "notices": [{"name": …, "rendered": …}]}
// POST /api/notices    {"password": …, "name": …, "text": …}: pin up a notice (Markdown)
// GET  /notices/NAME   a notice, once the worker has rendered it
// GET  /health         200 while notices can be taken, else 503
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { password, settings } from './settings.js';
import * as store from './store.js';

const secret = password();
const ASSETS = { '/': ['index.html', 'text/html'], '/board.js': ['board.js', 'text/javascript'] };

function send(response, status, type, body) {
	response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` }).end(body);
}
const json = (response, status, found) => send(response, status, 'application/json', JSON.stringify(found));

function board() {
	const rendered = new Set(store.published());
	const notices = store.received().map((name) => ({ name, rendered: rendered.has(name) }));
	return { title: settings.title, notices };
}

async function take(request) {
	let body = '';
	for await (const piece of request) body += piece;
	const notice = JSON.parse(body);
	if (notice.password !== secret) return [403, { error: 'wrong password' }];
	if (!/^[a-z0-9-]{1,40}$/.test(notice.name)) return [400, { error: 'name: a-z, 0-9 and -' }];
	store.receive(notice.name, String(notice.text));
	return [201, { name: notice.name }];
}

async function answer(request, response) {
	const path = new URL(request.url, 'http://board').pathname;
	if (path === '/health') {
		store.check();
		readFileSync('public/board.js');
		return json(response, 200, { well: true });
	}
	if (path === '/api/notices') {
		return json(response, ...(request.method === 'POST' ? await take(request) : [200, board()]));
	}
	if (path in ASSETS) {
		const [file, type] = ASSETS[path];
		return send(response, 200, type, readFileSync(`public/${file}`));
	}
	const name = path.match(/^\/notices\/([a-z0-9-]+)$/)?.[1];
	if (name && store.published().includes(name)) return send(response, 200, 'text/html', store.page(name));
	json(response, 404, { error: 'not found' });
}

const server = createServer((request, response) =>
	answer(request, response).catch((error) => {
		console.error(`server: ${error.message}`);
		json(response, 503, { error: error.message });
	}),
);
server.listen(settings.port, settings.host, () =>
	console.log(`server: ${settings.title} on http://${settings.host}:${settings.port}`),
);
process.on('SIGTERM', () => {
	console.log('server: closing');
	server.close(() => process.exit(0));
	server.closeIdleConnections();
});
