/** The API's client. In `server/`: SvelteKit never lets this code reach a browser. */
import { PUBLIC_API_URL } from '$app/env/public';
import { explain } from '#lib/explain.ts';
import type { Note } from '#lib/notes.ts';

/** The API did not do what we asked: `message` is for people, `status` for HTTP. */
export class ApiError extends Error {
	constructor(
		readonly status: number,
		message: string
	) {
		super(message);
	}
}

type Fetch = typeof globalThis.fetch;

async function call(fetch: Fetch, method: string, path: string, body?: object): Promise<Response> {
	let response: Response;
	try {
		response = await fetch(PUBLIC_API_URL + path, {
			method,
			headers: body && { 'content-type': 'application/json' },
			body: body && JSON.stringify(body),
			signal: AbortSignal.timeout(3000)
		});
	} catch (error) {
		throw new ApiError(503, `The API at ${PUBLIC_API_URL} cannot be reached. ${explain(error)}`);
	}
	if (!response.ok) throw new ApiError(response.status, await complaint(response));
	return response;
}

/** FastAPI's `detail`: a sentence, or a list of what is wrong with which field. */
async function complaint(response: Response): Promise<string> {
	const detail = await response.json().then(
		(body) => body.detail,
		() => undefined
	);
	if (typeof detail === 'string') return detail;
	if (Array.isArray(detail)) return detail.map((d) => `${d.loc?.at(-1)}: ${d.msg}`).join('; ');
	return `The API answered ${response.status}.`;
}

export async function listNotes(fetch: Fetch): Promise<Note[]> {
	return (await call(fetch, 'GET', '/notes')).json();
}

export async function addNote(fetch: Fetch, text: string): Promise<Note> {
	return (await call(fetch, 'POST', '/notes', { text })).json();
}

export async function setDone(fetch: Fetch, id: number, done: boolean): Promise<Note> {
	return (await call(fetch, 'PATCH', `/notes/${id}`, { done })).json();
}

export async function deleteNote(fetch: Fetch, id: number): Promise<void> {
	await call(fetch, 'DELETE', `/notes/${id}`);
}
