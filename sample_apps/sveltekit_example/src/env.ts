import { defineEnvVars } from '@sveltejs/kit/env';

export const variables = defineEnvVars({
	PUBLIC_API_URL: {
		description: 'Where the API is. Public: the browser gets to know it as well.',
		public: true,
		schema: (value) => (value || 'http://localhost:8000').replace(/\/+$/, '')
	}
});
