/**
 * The parameters by which object stores sign a URL: they are another's, or another day's, for the same bytes. No other may be
 * among them: `x-oss-process` makes other bytes.
 */
const SCHEMES: readonly { readonly signature: string; readonly names: readonly string[] }[] = [
  { signature: 'x-amz-signature', names: v4('x-amz-') },
  { signature: 'x-goog-signature', names: v4('x-goog-') },
  {
    signature: 'x-oss-signature',
    names: [...v4('x-oss-'), 'x-oss-signature-version', 'x-oss-additional-headers'],
  },
  {
    signature: 'q-signature',
    names: words(
      'q-sign-algorithm q-ak q-sign-time q-key-time q-header-list q-url-param-list x-cos-security-token',
    ),
  },
  // A shared access signature of Azure.
  {
    signature: 'sig',
    names: words('sv ss srt sp st se spr sip sr si skoid sktid skt ske sks skv saoid suoid scid sdd'),
  },
  // The first signatures of S3, OSS, OBS and GCS, and that of CloudFront.
  {
    signature: 'signature',
    names: [
      ...words('awsaccesskeyid accesskeyid ossaccesskeyid googleaccessid key-pair-id expires policy'),
      ...words('security-token x-amz-security-token x-obs-security-token'),
    ],
  },
];

function words(text: string): string[] {
  return text.split(' ');
}

function v4(prefix: string): string[] {
  const names = ['algorithm', 'credential', 'date', 'expires', 'signedheaders', 'security-token'];
  return names.map((name) => prefix + name);
}

/** The URL without what signs it, and whether something did. */
export function splitSignature(given: URL): { readonly url: URL; readonly isSigned: boolean } {
  if (given.search === '') return { url: given, isSigned: false };
  const parts = given.search.slice(1).split('&');
  const names = parts.map(nameOf);
  const found = SCHEMES.filter(
    (scheme) => names.includes(scheme.signature) && scheme.names.some((name) => names.includes(name)),
  );
  if (found.length === 0) return { url: given, isSigned: false };
  const signing = new Set(found.flatMap((scheme) => [scheme.signature, ...scheme.names]));
  const url = new URL(given);
  url.search = parts.filter((_, i) => !signing.has(names[i] ?? '')).join('&');
  return { url, isSigned: true };
}

function nameOf(part: string): string {
  const [name = ''] = part.split('=', 1);
  try {
    return decodeURIComponent(name).toLowerCase();
  } catch {
    return name.toLowerCase();
  }
}
