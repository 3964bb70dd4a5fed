// Notices are files: in DATA/inbox as they came (Markdown), in DATA/pages as the worker rendered them.
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settings } from './settings.js';

const inbox = join(settings.data, 'inbox');
const pages = join(settings.data, 'pages');
for (const folder of [inbox, pages]) mkdirSync(folder, { recursive: true });

const names = (folder, ending) =>
	readdirSync(folder).filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length)).sort();

function write(folder, file, text) {
	writeFileSync(join(folder, `.${file}.new`), text); // whole, or not at all
	renameSync(join(folder, `.${file}.new`), join(folder, file));
}

export const receive = (name, text) => write(inbox, `${name}.md`, text);
export const publish = (name, html) => write(pages, `${name}.html`, html);
export const source = (name) => readFileSync(join(inbox, `${name}.md`), 'utf-8');
export const page = (name) => readFileSync(join(pages, `${name}.html`), 'utf-8');
export const received = () => names(inbox, '.md');
export const published = () => names(pages, '.html');

/** Throws when no notice could be stored now. */
export const check = () => [inbox, pages].forEach((folder) => accessSync(folder, constants.W_OK));
