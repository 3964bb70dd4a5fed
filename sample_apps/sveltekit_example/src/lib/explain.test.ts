import { describe, expect, test } from 'vitest';
import { explain } from './explain.ts';

describe('explain', () => {
	test('gives the reason that Node hides in the cause', () => {
		const cause = Object.assign(new Error('getaddrinfo ENOTFOUND api'), { code: 'ENOTFOUND' });
		expect(explain(new TypeError('fetch failed', { cause }))).toBe(
			'TypeError: fetch failed (getaddrinfo ENOTFOUND api)'
		);
	});

	test('gives the code where the reason has no words', () => {
		const cause = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' });
		expect(explain(new TypeError('fetch failed', { cause }))).toBe(
			'TypeError: fetch failed (ECONNREFUSED)'
		);
	});

	test('gives what a browser says', () => {
		expect(explain(new TypeError('Failed to fetch'))).toBe('TypeError: Failed to fetch');
	});
});
