import { hostname } from 'node:os';
import { PUBLIC_API_URL } from '$app/env/public';
import { ask } from '#lib/ask.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, setHeaders }) => {
	setHeaders({ 'cache-control': 'no-store' });
	return {
		server: hostname(),
		answer: await ask(fetch, `${PUBLIC_API_URL}/whoami`)
	};
};
