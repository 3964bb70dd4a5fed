/**
 * Says why a fetch failed, as exactly as whoever ran it knows.
 *
 * Node gives the reason as the error's `cause` ("getaddrinfo ENOTFOUND fastapi_example");
 * a browser keeps it to itself and says only "Failed to fetch".
 */
export function explain(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	const own = `${error.name}: ${error.message}`;
	if (!(error.cause instanceof Error)) return own;
	// Several addresses tried (IPv6 and IPv4): the message is empty, the code is not.
	const { message, code } = error.cause as NodeJS.ErrnoException;
	return `${own} (${message || code})`;
}
