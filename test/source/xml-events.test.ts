import test from 'ava';

import { MalformedXml, readXmlPrefix, XmlEvents } from '../../src/source/xml-events.js';

type Event = readonly [name: string, text: string, depth: number];

function eventsOf(...pieces: readonly string[]): Event[] {
  const found: Event[] = [];
  const events = new XmlEvents({ onClose: (name, text, depth) => found.push([name, text, depth]) });
  for (const piece of pieces) events.read(piece);
  events.end();
  return found;
}

const DOCUMENT =
  '\ufeff<?xml version="1.0"?>\n<!-- a comment --><s3:List xmlns:s3="urn:x"><s3:Row a="1"><Key>a &amp; b&#233;&lt;</Key>' +
  '<Raw><![CDATA[<x>&amp;]]></Raw><Empty/></s3:Row>é😀</s3:List>\n';
const EVENTS: readonly Event[] = [
  ['Key', 'a & bé<', 3],
  ['Raw', '<x>&amp;', 3],
  ['Empty', '', 3],
  ['Row', '', 2],
  ['List', 'é😀', 1],
];

test('elements have local names, and their own text with references resolved', (t) => {
  t.deepEqual(eventsOf(DOCUMENT), EVENTS);
});

test('wherever a document is cut into pieces, the events are the same', (t) => {
  for (let at = 0; at <= DOCUMENT.length; at += 1) {
    t.deepEqual(eventsOf(DOCUMENT.slice(0, at), DOCUMENT.slice(at)), EVENTS, `cut at ${at}`);
  }
});

test('a document that ends anywhere before its end is malformed', (t) => {
  const end = DOCUMENT.trimEnd().length;
  for (let at = 0; at < end; at += 1) {
    t.throws(() => eventsOf(DOCUMENT.slice(0, at)), { instanceOf: MalformedXml }, `cut at ${at}`);
  }
});

test('attributes have their values, whatever stands in them, and a tag can be its own end', (t) => {
  const found: unknown[] = [];
  const events = new XmlEvents({
    onOpen: (name, depth, attributes) => found.push([name, depth, attributes]),
    onClose: (name) => found.push(name),
  });
  events.read(`<a x="1>2" y = '"/&gt;'\n z=""><b /><p:c p:d='e/'/></a >`);
  events.end();
  const attributes = { x: '1>2', y: '"/>', z: '' };
  t.deepEqual(found, [['a', 1, attributes], ['b', 2, {}], 'b', ['c', 2, { 'p:d': 'e/' }], 'c', 'a']);
});

test('a reference is resolved once, and one that names no character is the replacement character', (t) => {
  const text = '&apos;&amp;quot;&quot;&#x1F600;&#0;&#xDC80;&#x110000;&#99999999;&none;& &amp';
  t.deepEqual(eventsOf(`<a>${text}</a>`), [['a', `'&quot;"😀${'\ufffd'.repeat(4)}&none;& &amp`, 1]]);
});

test('elements that are not nested, tags without a name, and attributes without quotes are malformed', (t) => {
  for (const document of [
    '<a><b></a></b>',
    '<a></b></a>',
    '<a></ab></a>',
    '</a><a></a>',
    '<a><></></a>',
    '<a b></a>',
    '<a b=c></a>',
    '<a b="c"d="e"></a>',
    '<a/b></a>',
    `<a${' '.repeat(60_000)}b></a>`,
    `<a ${'b'.repeat(60_000)}></a>`,
  ]) {
    t.throws(() => eventsOf(document), { instanceOf: MalformedXml }, document.slice(0, 20));
  }
});

test('entities of a document type are not expanded', (t) => {
  const bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>';
  t.deepEqual(eventsOf(`${bomb}<a>&y;</a>`), [['a', '&y;', 1]]);
});

test('a second root, a deep document, and long tags, comments and texts are malformed', (t) => {
  const long = 'x'.repeat(70_000);
  const many = 'x'.repeat(16_000);
  for (const pieces of [
    ['<a></a><b></b>'],
    ['<a>'.repeat(17)],
    [`<${long}`],
    [`<a><!-- ${long}`],
    [`<a><b>${long}</b></a>`],
    ['<a>', many, '&amp;', many, '&amp;', many, '&amp;', many, many, '</a>'],
    ['<a>', ...Array.from({ length: 20_000 }, () => '</b>'), '</a>'],
  ]) {
    t.throws(() => eventsOf(...pieces), { instanceOf: MalformedXml }, pieces[0]?.slice(0, 20) ?? '');
  }
});

test('of a short document that is cut, what is whole is read', (t) => {
  const found: string[] = [];
  readXmlPrefix('<Error><Code>NoSuchKey</Code><Mess', {
    onClose: (name, text) => found.push(`${name}=${text}`),
  });
  t.deepEqual(found, ['Code=NoSuchKey']);
});
