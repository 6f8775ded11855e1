// Sixty requests that two readers could read in two ways, and what becomes of each: refused before anybody judges it, or exactly one request upstream.
// `{auth}` is the line that shows the token (empty inside of a tunnel), `{at}` how the target begins (a whole URL outside, nothing inside).
import { HOST } from './world.ts'

export type Smuggled = { name: string; text: string /** How many requests arrive upstream. */; arrive: 0 | 1 }

const post = (fields: string, body = ''): string => `POST {at}/a HTTP/1.1\r\nHost: ${HOST}\r\n{auth}${fields}\r\n${body}`
const get = (fields: string, rest = ''): string => `GET {at}/a HTTP/1.1\r\nHost: ${HOST}\r\n{auth}${fields}\r\n${rest}`
const INNER = `GET {at}/smuggled HTTP/1.1\r\nHost: ${HOST}\r\n{auth}\r\n`
const chunked = 'Transfer-Encoding: chunked\r\n'

const refused = (name: string, text: string): Smuggled => ({ name, text, arrive: 0 })
const passes = (name: string, text: string): Smuggled => ({ name, text, arrive: 1 })

export const SMUGGLING: readonly Smuggled[] = [
  refused('both lengths, length first', post(`Content-Length: 5\r\n${chunked}`, `0\r\n\r\n${INNER}`)),
  refused('both lengths, coding first', post(`${chunked}Content-Length: 5\r\n`, `0\r\n\r\n${INNER}`)),
  refused('two different lengths', post('Content-Length: 0\r\nContent-Length: 44\r\n', INNER)),
  refused('two equal lengths', post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc')),
  refused('a list of lengths', post('Content-Length: 3, 3\r\n', 'abc')),
  refused('a list of different lengths', post('Content-Length: 0, 44\r\n', INNER)),
  refused('a length with a sign', post('Content-Length: +3\r\n', 'abc')),
  refused('a negative length', post('Content-Length: -1\r\n', 'abc')),
  refused('a length in hex', post('Content-Length: 0x3\r\n', 'abc')),
  refused('a length with a space inside', post('Content-Length: 1 0\r\n', 'abc')),
  refused('a length with a fraction', post('Content-Length: 3.0\r\n', 'abc')),
  refused('an empty length', post('Content-Length:\r\n', 'abc')),
  refused('a length beyond all counting', post('Content-Length: 99999999999999999999\r\n', 'abc')),
  refused('a length with an underscore', post('Content-Length: 3_0\r\n', 'abc')),
  refused('an unknown coding', post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${INNER}`)),
  refused('a coding before chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')),
  refused('a coding behind chunked', post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n')),
  refused('chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n')),
  refused('chunked in two fields', post(`${chunked}${chunked}`, '0\r\n\r\n')),
  refused('identity as coding', post('Transfer-Encoding: identity\r\n', INNER)),
  refused('a coding in quotes', post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n')),
  refused('a coding behind a vertical tab', post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n')),
  refused('an empty coding', post('Transfer-Encoding:\r\n', '0\r\n\r\n')),
  refused('a coding in HTTP/1.0', `POST {at}/a HTTP/1.0\r\nHost: ${HOST}\r\n{auth}${chunked}\r\n0\r\n\r\n`),
  refused('a space before the colon', post('Content-Length : 3\r\n', 'abc')),
  refused('a tab before the colon of a coding', post('Transfer-Encoding\t: chunked\r\n', '0\r\n\r\n')),
  refused('a folded line', get('X-A: one\r\n two\r\n')),
  refused('a folded line with a tab', get('X-A: one\r\n\tContent-Length: 44\r\n')),
  refused('a folded coding', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n')),
  refused('a first field that is folded', `GET {at}/a HTTP/1.1\r\n Host: ${HOST}\r\n{auth}\r\n`),
  refused('a line that ends in a bare line feed', get('X-A: one\nX-B: two\r\n')),
  refused('a head of bare line feeds', `GET {at}/a HTTP/1.1\nHost: ${HOST}\n{auth}\n`),
  refused('a bare carriage return in a value', get('X-A: one\rX-B: two\r\n')),
  refused('a NUL in a value', get('X-A: o\x00ne\r\n')),
  refused('a NUL in a name', get('X-\x00A: one\r\n')),
  refused('a control byte in a value', get('X-A: o\x01ne\r\n')),
  refused('DEL in a value', get('X-A: o\x7fne\r\n')),
  refused('a name with a space', get('X A: one\r\n')),
  refused('a line without a colon', get('nothing\r\n')),
  refused('a line that begins with a colon', get(': one\r\n')),
  refused('a name in brackets', get('[X]: one\r\n')),
  refused('two hosts', get(`Host: other.example.com\r\n`)),
  refused('two equal hosts', get(`Host: ${HOST}\r\n`)),
  refused('no host', 'GET {at}/a HTTP/1.1\r\n{auth}X-A: one\r\n\r\n'),
  refused('a host with a user', `GET {at}/a HTTP/1.1\r\nHost: ${HOST}@evil.test\r\n{auth}Connection: close\r\n\r\n`),
  refused('a host with a path', `GET {at}/a HTTP/1.1\r\nHost: ${HOST}/x\r\n{auth}Connection: close\r\n\r\n`),
  refused('a request line with two spaces', `GET  {at}/a HTTP/1.1\r\nHost: ${HOST}\r\n{auth}\r\n`),
  refused('a request line with a tab', `GET\t{at}/a HTTP/1.1\r\nHost: ${HOST}\r\n{auth}\r\n`),
  refused('a version that is none', `GET {at}/a HTTP/1.2\r\nHost: ${HOST}\r\n{auth}\r\n`),
  refused('the preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`),
  refused('a method with a colon', `GE:T {at}/a HTTP/1.1\r\nHost: ${HOST}\r\n{auth}\r\n`),
  refused('upgrade to h2c', get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n')),
  refused('a size of a chunk in 0x', post(chunked, `0x3\r\nabc\r\n0\r\n\r\n`)),
  refused('a size of a chunk with a sign', post(chunked, `+3\r\nabc\r\n0\r\n\r\n`)),
  refused('a size of a chunk behind a space', post(chunked, ` 3\r\nabc\r\n0\r\n\r\n`)),
  refused('a size of a chunk beyond all counting', post(chunked, `${'f'.repeat(17)}\r\nabc`)),
  refused('a chunk that is longer than it says', post(chunked, `3\r\nabcd\r\n0\r\n\r\n${INNER}`)),
  refused('an extension of 300 bytes', post(chunked, `3;${'x'.repeat(300)}\r\nabc\r\n0\r\n\r\n`)),
  refused('a chunk line that ends in a bare line feed', post(chunked, `3\nabc\r\n0\r\n\r\n`)),
  passes('a length and a second request behind it that is none of ours', get('Connection: close\r\n', INNER)),
  passes('a field that Connection names', get('Connection: close, x-a, authorization\r\nX-A: one\r\n')),
  passes('a small extension', post(`${chunked}Connection: close\r\n`, '3;a=b\r\nabc\r\n0\r\n\r\n')),
  passes(
    'trailers that would frame the message',
    post(`${chunked}Connection: close\r\n`, '3\r\nabc\r\n0\r\nContent-Length: 99\r\nHost: evil.test\r\n\r\n'),
  ),
]
