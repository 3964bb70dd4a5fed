// The worker: renders notices that have come in, one after the other, until it is stopped.
import { setTimeout as pause } from 'node:timers/promises';
import { marked } from 'marked';
import * as store from './store.js';

process.on('SIGTERM', () => process.exit(0));
console.log('worker: waiting for notices');
for (;;) {
	const done = new Set(store.published());
	for (const name of store.received().filter((name) => !done.has(name))) {
		store.publish(name, marked.parse(store.source(name)));
		console.log(`worker: rendered ${name}`);
	}
	await pause(300);
}
