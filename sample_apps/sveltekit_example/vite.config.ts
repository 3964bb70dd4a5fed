import adapter from '@sveltejs/adapter-node';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
	plugins: [
		sveltekit({
			// `npm run build` makes a server for Node in build/.
			adapter: adapter(),

			// In production a form is taken only from a page of ours: from these addresses.
			csrf: {
				trustedOrigins: (
					process.env.TRUSTED_ORIGINS ?? 'http://localhost:3000 http://127.0.0.1:3000'
				).split(' ')
			}
		})
	],

	server: {
		// The name by which other containers reach the development server.
		allowedHosts: ['sveltekit_example']
	},

	test: {
		include: ['src/**/*.test.ts']
	}
});
