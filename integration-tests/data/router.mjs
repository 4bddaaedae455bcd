// A server that answers every request with the name of the route that Fastify's router chose, among routes like Misskey's. Run beside `fastify`, of any version; the
// first line that it prints is its port.
import fastify from 'fastify';

const app = fastify();
const routes = [
	'/queue',
	'/queue/*',
	'/inbox',
	'/users/:user/inbox',
	'/users/:user',
	'/proxy/:url*',
	'/url',
	'/api/*',
	'/api-doc',
	'/api.json',
	'/files/:key',
	'/files/:key/*',
	'/notes/:note',
	'/@:user',
	'/emojis/:emoji',
	'/nodeinfo/:version',
	'/.well-known/webfinger',
	'/vite/*',
	'*',
];
const answer = (route) => async (request, reply) => {
	reply.header('x-route', encodeURIComponent(route));
	return { route, url: request.raw.url };
};
for (const route of routes) {
	app.route({ method: ['GET', 'POST'], url: route, handler: answer(route) });
}
// What no route takes, and what the router cannot read.
app.setNotFoundHandler(answer('none'));
await app.listen({ host: '127.0.0.1', port: 0 });
console.log(app.server.address().port);
// Whoever started it holds the other end.
process.stdin.resume().on('end', () => process.exit());
