// All settings come from environment variables; on a laptop .env has them (README).
function required(name) {
	if (!process.env[name]) {
		console.error(`settings: ${name} is not set`);
		process.exit(1);
	}
	return process.env[name];
}

export const settings = {
	title: process.env.BOARD_TITLE ?? 'Notice board',
	host: process.env.HOST ?? '127.0.0.1',
	port: Number(process.env.PORT ?? 3000),
	data: process.env.DATA ?? 'data',
};

/** What a person must know to pin up a notice. */
export const password = () => required('BOARD_PASSWORD');
