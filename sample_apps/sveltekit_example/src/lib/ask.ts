import { explain } from './explain.ts';

/** What came of a fetch: the body, or the exact error. */
export interface Answer {
	url: string;
	ok: boolean;
	text: string;
}

/** The same code, whoever runs it: this is the point of the page /where. */
export async function ask(fetch: typeof globalThis.fetch, url: string): Promise<Answer> {
	try {
		const response = await fetch(url, { signal: AbortSignal.timeout(3000) });
		return { url, ok: response.ok, text: (await response.text()).trim() };
	} catch (error) {
		return { url, ok: false, text: explain(error) };
	}
}
