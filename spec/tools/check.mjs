// Checks what stands in this folder: both descriptions by their own linters, every example and
// fixture against its schema. `make spec` runs it.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fileURLToPath } from 'node:url';
import { bundle, lint, loadConfig } from '@redocly/openapi-core';
import { Parser, fromFile } from '@asyncapi/parser';
import Ajv2020 from 'ajv/dist/2020.js';

const spec = join(dirname(fileURLToPath(import.meta.url)), '..');
// Each door has a description of its own, and a folder of fixtures that are held against it.
const doors = [
  { file: 'openapi.yaml', folders: ['page', 'seen'] },
  { file: 'openapi-visitor-chat.yaml', folders: ['visitor-chat'] },
];
let [passed, failed] = [0, 0];

function check(name, problems) {
  if (problems.length === 0) return void passed++;
  failed++;
  console.error(`FAILED ${name}`);
  for (const problem of problems) console.error(`  ${problem}`);
}

// The linters. A warning is as bad as an error.
const config = await loadConfig({ configPath: join(spec, 'tools/redocly.yaml') });
const place = ({ location: [at] }) => `${at?.pointer ?? ''}`;
for (const door of doors) {
  const found = await lint({ ref: join(spec, door.file), config });
  check(door.file, found.map((one) => `${one.severity} ${one.ruleId} ${place(one)}: ${one.message}`));
}

const { document, diagnostics } = await fromFile(new Parser(), join(spec, 'asyncapi.yaml')).parse();
const allowed = new Set([
  // Says that there are newer versions of the format; the parser's own opinion, not ours.
  'asyncapi-latest-version',
]);
const told = diagnostics.filter((one) => !allowed.has(one.code));
check('asyncapi.yaml', told.map((one) => `${one.code} ${one.path.join('.')}: ${one.message}`));

// The schemas, with every reference resolved.
for (const door of doors) {
  const openapi = (await bundle({ ref: join(spec, door.file), config, dereference: true })).bundle.parsed;
  door.schemas = openapi.components.schemas;
  door.operations = new Map(
    Object.values(openapi.paths).flatMap(Object.values).map((operation) => [operation.operationId, operation]),
  );
}
const operations = new Map(doors.flatMap((door) => [...door.operations]));
const messages = new Map(document.components().messages().all().map((one) => [one.id(), one.payload().json()]));
const sources = ['doc', 'seen', 'open'];
for (const one of [...document.operations().all(), ...document.components().messages().all()]) {
  const source = one.extensions().get('x-source')?.value();
  check(`x-source of ${one.id()}`, sources.includes(source) ? [] : ['an operation and a message say where they are from']);
}

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
const violations = (schema, value) => {
  const valid = ajv.compile(schema);
  return valid(value) ? [] : valid.errors.map((error) => `${error.instancePath} ${error.message}`);
};

const media = (of) => of.content['application/json'] ?? of.content['application/x-www-form-urlencoded'];
const calls = {
  auth: 'authenticate',
  'chat-init': 'initChat',
  'ws-create': 'createSocket',
  'session-create': 'createSession',
  'avatar-public': 'getPublicAvatar',
  'chat-start': 'bindSession',
  'message-send': 'sendMessage',
  'message-query': 'queryMessages',
  'message-latest': 'latestMessages',
  'session-close': 'closeSession',
  token: 'fetchToken',
  init: 'initVisitorChat',
  send: 'sendVisitorMessage',
};
const frames = [
  ['avatar-reply', 'AvatarReply'], ['owner-reply', 'ClientMessage'], ['echo', 'ClientMessage'],
  ['bare-ping', 'BarePing'], ['bare-pong', 'BarePong'], ['voice', 'Voice'],
  ['failure', 'Failure'], ['ping', 'Ping'], ['pong', 'Pong'], ['ack', 'Ack'], ['hint', 'Hint'],
  ['notice', 'Notice'], ['recommend', 'Recommend'], ['task', 'Task'], ['cmd', 'Command'], ['other', 'Other'],
];

/** The call that a fixture is of: its name, but for what tells it from others of that call. */
const callOf = (stem) => stem?.replace(/-(by-others|of-user|with-.+|without-.+|in-.+)$/, '');

/** The schema a fixture has to match, by its name. */
function schemaOf(name, { schemas }) {
  const [, stem, kind] = /^(.+)\.(request|response|failure|frame)$/.exec(name) ?? [];
  const operation = operations.get(calls[callOf(stem)]);
  switch (kind) {
    case 'request': return media(operation.requestBody).schema;
    // The first alternative: that of success.
    case 'response': return media(operation.responses['200']).schema.anyOf[0];
    case 'failure': return schemas[`-${stem}`.replace(/-(.)/g, (_, one) => one.toUpperCase())];
    case 'frame': return messages.get(frames.find(([prefix]) => stem.startsWith(prefix))?.[1]);
  }
}

const fixtures = new Map();
for (const [folder, door] of doors.flatMap((door) => door.folders.map((folder) => [folder, door]))) {
  for (const file of readdirSync(join(spec, 'fixtures', folder))) {
    const name = file.replace(/\.json$/, '');
    const schema = schemaOf(name, door);
    const value = JSON.parse(readFileSync(join(spec, 'fixtures', folder, file), 'utf8'));
    fixtures.set(`${folder}/${name}`, value);
    check(`fixtures/${folder}/${file}`, schema ? violations(schema, value) : ['no schema has this name']);
    if (/\.(response|failure)$/.test(name)) {
      // Whatever comes back is read by the schema of a whole answer; a failure of any call.
      const any = [...door.operations.values()][0];
      const operation = operations.get(calls[callOf(name.split('.')[0])]) ?? any;
      const status = name.startsWith('unprocessable') ? '422' : '200';
      check(`${name} as an answer`, violations(media(operation.responses[status]).schema, value));
    }
  }
}

// The examples named `page` are the page's: each is a fixture.
const page = [...fixtures].filter(([name]) => name.startsWith('page/')).map(([, value]) => value);
const derived = [{ code: 0, data: { id: 67 } }]; // the page's comment "data.id = avatarId (e.g. 67)"
const isPages = (value) => [...page, ...derived].some((one) => isDeepStrictEqual(one, value));
for (const operation of operations.values()) {
  for (const body of [operation.requestBody, operation.responses['200']]) {
    const example = body && media(body).examples?.page;
    if (example) check(`the page's example of ${operation.operationId}`, isPages(example.value) ? [] : ['is no fixture']);
  }
}
for (const message of document.components().messages().all()) {
  for (const example of message.examples().all()) {
    check(`the page's example of ${message.id()}`, isPages(example.payload()) ? [] : ['is no fixture']);
  }
}

// The schema of the emulator's settings: the examples of its README keep to it, and what the emulator refuses does not.
const settings = JSON.parse(readFileSync(join(spec, 'emulator.schema.json'), 'utf8'));
const readme = readFileSync(join(spec, '../emulator/README.md'), 'utf8');
for (const [, block] of readme.matchAll(/```json settings\n(.*?)```/gs)) {
  check('settings in the emulator README', violations(settings, JSON.parse(block)));
}
const refused = [
  { pongs: 'no' }, { pings: 'pang' }, { 'piece-delay': 5 }, { 'token-lifetime': 'calls:many' }, { brain: 'clever' },
  { keys: [{ key: 'mine', 'share-code': 'a' }] }, { keys: [{ key: 'sk-a' }] }, { brain: { openai: {} } },
];
for (const one of refused) {
  check(`${JSON.stringify(one)} in settings`, violations(settings, one).length ? [] : ['the schema takes what the emulator refuses']);
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
