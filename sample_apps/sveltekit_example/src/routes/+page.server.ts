import { fail } from '@sveltejs/kit';
import { ApiError, addNote, deleteNote, listNotes, setDone } from '#lib/server/api.ts';
import type { Note } from '#lib/notes.ts';
import type { Actions, PageServerLoad } from './$types';

/** Runs on the server only, before the page is made. The API being down is no reason for an error page. */
export const load: PageServerLoad = async ({ fetch, setHeaders }) => {
	setHeaders({ 'cache-control': 'no-store' });
	try {
		return { notes: await listNotes(fetch), problem: null };
	} catch (error) {
		return { notes: [] as Note[], problem: told(error).message };
	}
};

/** The page's forms come here: the browser talks to this server only, and this server to the API. */
export const actions: Actions = {
	add: async ({ fetch, request }) => {
		const text = String((await request.formData()).get('text') ?? '');
		return attempt(() => addNote(fetch, text), text);
	},
	toggle: async ({ fetch, request }) => {
		const form = await request.formData();
		return attempt(() => setDone(fetch, Number(form.get('id')), form.get('done') === 'true'));
	},
	delete: async ({ fetch, request }) => {
		const form = await request.formData();
		return attempt(() => deleteNote(fetch, Number(form.get('id'))));
	}
};

/** Does it, or hands back why not, and the text that was typed, so that it is not lost. */
async function attempt(action: () => Promise<unknown>, text = '') {
	try {
		await action();
	} catch (error) {
		const { status, message } = told(error);
		return fail(status, { problem: message, text });
	}
}

function told(error: unknown): ApiError {
	if (error instanceof ApiError) return error;
	throw error;
}
