import { render } from 'svelte/server';
import { describe, expect, test } from 'vitest';
import Page from './+page.svelte';

const note = { id: 1, text: 'read <this>', done: true, created_at: '2026-01-01T00:00:00Z' };

/** The page as the server makes it. */
function html(notes: (typeof note)[], problem: string | null = null) {
	// eslint-disable-next-line @typescript-eslint/no-explicit-any
	return render(Page as any, { props: { data: { notes, problem }, form: null, params: {} } }).body;
}

describe('the page of notes', () => {
	test('shows the notes, and nobody’s HTML', () => {
		const page = html([note]);
		expect(page).toContain('read &lt;this>');
		expect(page).toContain('aria-checked="true"');
		expect(page).toContain('0 of 1 to do');
	});

	test('says that there are none', () => {
		expect(html([])).toContain('No notes yet.');
	});

	test('is there without the API, and says so', () => {
		const page = html([], 'The API cannot be reached.');
		expect(page).toContain('role="alert"');
		expect(page).toContain('The API cannot be reached.');
		expect(page).toContain('action="?/add"');
		expect(page).not.toContain('No notes yet.');
	});
});
