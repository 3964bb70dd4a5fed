import { PUBLIC_API_URL } from '$app/env/public';
import { explain } from '#lib/explain.ts';
import type { RequestHandler } from './$types';

/**
 * A proxy: the browser asks us for /api/…, and we ask the API.
 * So the browser needs no address of the API at all.
 */
export const GET: RequestHandler = async ({ params, url, fetch }) => {
	try {
		const { body, status, headers } = await fetch(`${PUBLIC_API_URL}/${params.path}${url.search}`, {
			signal: AbortSignal.timeout(3000)
		});
		const type = headers.get('content-type') ?? 'application/json';
		return new Response(body, { status, headers: { 'content-type': type } });
	} catch (error) {
		return Response.json({ detail: explain(error) }, { status: 502 });
	}
};
