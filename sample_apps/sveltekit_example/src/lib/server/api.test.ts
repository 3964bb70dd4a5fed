import { describe, expect, test, vi } from 'vitest';
import { ApiError, addNote, deleteNote, listNotes, setDone } from './api.ts';

vi.mock('$app/env/public', () => ({ PUBLIC_API_URL: 'http://api:8000' }));

const note = { id: 1, text: 'read', done: false, created_at: '2026-01-01T00:00:00Z' };

/** An API that gives this one answer, and remembers what it was asked. */
function api(body: unknown, status = 200) {
	return vi.fn<typeof fetch>(async () => Response.json(body, { status }));
}

describe('the client of the API', () => {
	test('lists', async () => {
		const fetch = api([note]);
		expect(await listNotes(fetch)).toEqual([note]);
		expect(fetch.mock.calls[0][0]).toBe('http://api:8000/notes');
	});

	test('adds, changes, deletes', async () => {
		const fetch = api(note);
		await addNote(fetch, 'read');
		await setDone(fetch, 1, true);
		await deleteNote(fetch, 1);
		expect(fetch.mock.calls.map(([url, init]) => [init?.method, url, init?.body])).toEqual([
			['POST', 'http://api:8000/notes', '{"text":"read"}'],
			['PATCH', 'http://api:8000/notes/1', '{"done":true}'],
			['DELETE', 'http://api:8000/notes/1', undefined]
		]);
	});

	test.each([
		[404, { detail: 'There is no note 1.' }, 'There is no note 1.'],
		[422, { detail: [{ loc: ['body', 'text'], msg: 'too short' }] }, 'text: too short'],
		[500, 'oops', 'The API answered 500.']
	])('tells what the API says: %i', async (status, body, message) => {
		await expect(listNotes(api(body, status))).rejects.toEqual(new ApiError(status, message));
	});

	test('tells that nobody is there', async () => {
		const fetch = vi.fn(() =>
			Promise.reject(
				new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND api') })
			)
		);
		await expect(listNotes(fetch)).rejects.toThrow(
			'The API at http://api:8000 cannot be reached. TypeError: fetch failed (getaddrinfo ENOTFOUND api)'
		);
	});
});
