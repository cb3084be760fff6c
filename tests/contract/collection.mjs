// Makes the Postman collection of the OpenAPI document, so that both say the same.
//
//   buffalo openapi | node tests/contract/collection.mjs > postman/buffalo.postman_collection.json
//
// Requests are in an order in which they can be sent one after the other: what a request needs the id of, an earlier one
// has listed or made. Each checks the status, the type and the fields of its answer.

import { pathToFileURL } from 'node:url'
import { text } from 'node:stream/consumers'

const methods = ['get', 'post']

/** Requests that need an id: where it comes from, and the operation that tells it. */
const remembered = {
  trigger: ['runId', 'body.runId'],
  listRuns: ['runId', 'body.runs[0].runId'],
  listDeadLetters: ['id', 'body.deadLetters[0].id'],
}

/** What changes or takes away what others need comes last, and only as a trial where there is such a thing. */
const order = ['trigger', 'process', 'listRuns', 'listDeadLetters']

/** Every operation of a document, with its path and method. */
export function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => ({ path, method, ...item[method] })),
  )
}

/** The collection, a folder for each tag. */
export function collectionOf(document) {
  const rank = (operation) => {
    const at = order.indexOf(operation.operationId)
    return at < 0 ? order.length : at
  }
  const operations = operationsOf(document).sort((a, b) => rank(a) - rank(b))
  const tags = [...new Set(operations.map(({ tags }) => tags[0]))]
  const folder = (tag) => ({
    name: tag,
    description: document.tags.find(({ name }) => name === tag)?.description,
    item: operations.filter(({ tags }) => tags[0] === tag).map((operation) => itemOf(operation, document)),
  })
  return {
    info: {
      name: document.info.title,
      description: document.info.description,
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    item: tags.map(folder),
  }
}

function itemOf(operation, document) {
  const { operationId, summary, description } = operation
  const dryRun = operation.parameters.some(({ name }) => name === 'dryRun')
  // Only the vendor can sign a post, so that of the collection must be refused.
  const expected = operationId === 'receiveWebhook' ? '400' : Object.keys(operation.responses).find((status) => status.startsWith('2'))
  return {
    name: summary,
    event: [{ listen: 'test', script: { type: 'text/javascript', exec: scriptOf(operation, expected, document) } }],
    request: {
      method: operation.method.toUpperCase(),
      description: [operationId, description].filter(Boolean).join('\n\n'),
      header: headersOf(operation),
      ...bodyOf(operation),
      url: urlOf(operation, dryRun),
    },
  }
}

function headersOf({ security = [], parameters }) {
  const schemes = security.flatMap(Object.keys)
  const headers = []
  if (schemes.includes('ApiKey')) headers.push(['X-Api-Key', '{{apiKey}}'])
  else if (schemes.includes('AdminApiKey')) headers.push(['X-Admin-Api-Key', '{{adminApiKey}}'])
  else if (schemes.includes('MetricsApiKey')) headers.push(['Authorization', 'Bearer {{metricsApiKey}}'])
  if (parameters.some(({ name }) => name === 'Idempotency-Key')) headers.push(['Idempotency-Key', '{{$guid}}'])
  return headers.map(([key, value]) => ({ key, value }))
}

function bodyOf({ requestBody }) {
  if (!requestBody) return {}
  const { example } = requestBody.content['application/json']
  return { body: { mode: 'raw', raw: JSON.stringify(example), options: { raw: { language: 'json' } } } }
}

/** Optional parameters are there to be switched on; a trial is the default where there is such a thing. */
function urlOf({ path, parameters }, dryRun) {
  const segments = path.slice(1).split('/').map((segment) => segment.replace(/^\{(.*)\}$/, ':$1'))
  const query = parameters
    .filter((parameter) => parameter.in === 'query')
    .map(({ name, example, description }) => ({
      key: name,
      value: String(example ?? ''),
      description,
      disabled: !['dryRun', 'date', 'since'].includes(name),
    }))
  const variable = parameters
    .filter((parameter) => parameter.in === 'path')
    .map(({ name, example, description }) => ({ key: name, value: example ?? `{{${name}}}`, description }))
  return {
    raw: `{{baseUrl}}/${segments.join('/')}${dryRun ? '?dryRun=true' : ''}`,
    host: ['{{baseUrl}}'],
    path: segments,
    ...(query.length > 0 && { query }),
    ...(variable.length > 0 && { variable }),
  }
}

function scriptOf({ operationId, responses }, expected, document) {
  const types = Object.keys(responses[expected].content)
  const lines = [
    `pm.test('answers ${expected}', () => pm.response.to.have.status(${expected}))`,
    `pm.test('is ${types[0]}', () => pm.expect(pm.response.headers.get('Content-Type')).to.include('${types[0]}'))`,
    `pm.test('carries its id', () => pm.response.to.have.header('X-Request-Id'))`,
  ]
  const fields = fieldsOf(responses[expected].content['application/json']?.schema, document)
  if (fields.length > 0) {
    lines.push('const body = pm.response.json()')
    lines.push(`pm.test('has its fields', () => pm.expect(body).to.include.all.keys(${JSON.stringify(fields)}))`)
  }
  if (remembered[operationId]) {
    const [name, from] = remembered[operationId]
    lines.push(`pm.environment.set('${name}', ${from})`)
  }
  return lines
}

/** The fields that an answer must have. */
function fieldsOf(schema, document) {
  if (!schema) return []
  if (schema.$ref) return fieldsOf(document.components.schemas[schema.$ref.split('/').pop()], document)
  return [...(schema.required ?? []), ...(schema.allOf ?? []).flatMap((part) => fieldsOf(part, document))]
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(JSON.stringify(collectionOf(JSON.parse(await text(process.stdin))), null, 2))
}
