// One OpenID Connect provider on loopback, in memory. Its settings come as JSON in the first argument:
// {port, client: {id, secret, redirect}, people: {login: {claims…}}, port_of_control}
// Whoever types a login of `people` into its page (any password) is that person. POST /test/rotate gives it new keys;
// the old ones are no longer served.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { Provider } from 'oidc-provider';

const wanted = JSON.parse(process.argv[1]);
const issuer = `http://127.0.0.1:${wanted.port}`;

function freshKeys() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'ES256', use: 'sig' }] };
}

function makeProvider() {
  return new Provider(issuer, {
    clients: [{
      client_id: wanted.client.id,
      client_secret: wanted.client.secret,
      redirect_uris: [wanted.client.redirect],
      token_endpoint_auth_method: wanted.client.secret ? 'client_secret_basic' : 'none',
      id_token_signed_response_alg: 'ES256',
    }],
    jwks: freshKeys(),
    cookies: { keys: [randomUUID()] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups', 'hd', 'tid'] },
    pkce: { required: () => true },
    conformIdTokenClaims: wanted.userinfo === true,
    findAccount: async (_context, login) => wanted.people[login] && {
      accountId: login,
      claims: async () => ({ sub: login, ...wanted.people[login] }),
    },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
  });
}

let answer = makeProvider().callback();
createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/test/rotate') {
    answer = makeProvider().callback();
    response.end();
    return;
  }
  answer(request, response);
}).listen(wanted.port, '127.0.0.1', () => console.log('ready'));
