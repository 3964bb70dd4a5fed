// A page of recipes: each a Markdown file in recipes/, all of them on one page.
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { marked } from 'marked';

const folder = new URL('./recipes/', import.meta.url);

async function page() {
	const names = (await readdir(folder)).filter((name) => name.endsWith('.md')).sort();
	const texts = await Promise.all(names.map((name) => readFile(new URL(name, folder), 'utf8')));
	return `<!doctype html>\n<meta charset="utf-8">\n<title>Recipes</title>\n${marked.parse(texts.join('\n'))}`;
}

createServer(async (request, response) => {
	response.setHeader('Content-Type', 'text/html; charset=utf-8');
	response.end(await page());
}).listen(3000, '0.0.0.0');

process.on('SIGTERM', () => process.exit());
console.log('Recipes are served on port 3000.');
