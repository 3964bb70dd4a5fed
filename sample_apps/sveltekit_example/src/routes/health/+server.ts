/** Is *this* server up? It says nothing about the API: that has a health of its own. */
export const GET = () => Response.json({ status: 'ok' });
