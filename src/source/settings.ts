/**
 * What the configuration says for a URL, by scheme. Of the rules that match, each setting is that of the most specific one
 * that has it; `credentials` is one setting, taken whole. A setting that is absent has the source's default.
 * `settings-schemas.ts` says how each is written, and docs/CONFIGURATION.md what it means.
 */
import type { SecretSource } from './auth/secret-source.js';

/** Of every source that speaks HTTP. */
export interface HttpSettings {
  /** Sent with every request to the origin. Names are in lower case. */
  readonly headers?: Readonly<Record<string, SecretSource>>;
  /** A forward proxy, perhaps with credentials in its URL; `direct`: none, whatever the environment says. */
  readonly proxy?: 'direct' | SecretSource;
  readonly tls?: TlsSettings;
  /** Content comes by way of a cluster of Dragonfly, if one is configured. */
  readonly p2p?: boolean;
  /** Who shares what credentials let them read; undefined: it is not shared. */
  readonly shareScope?: string;
}

/** Paths are absolute; the files are in PEM. */
export interface TlsSettings {
  /** An authority to trust besides those of Node. */
  readonly ca?: string;
  /** What the client identifies itself with. */
  readonly cert?: string;
  /** Undefined: in the file of the certificate. */
  readonly key?: string;
  /** Of a key that is encrypted. */
  readonly keyPassword?: SecretSource;
  /** `false`: any certificate is accepted. */
  readonly verify?: boolean;
}

export interface WebSettings extends HttpSettings {
  readonly credentials?: Anonymous | Token | WebPassword | Command | Netrc;
}

/** webdav, webdavs, dav and davs. */
export interface WebdavSettings extends WebSettings {
  /** The path of the server that stands for the root, encoded as in a URL: `/remote.php/dav/files/ada`. */
  readonly root?: string;
}

/** What s3, oss, cos, obs and gs have in common. `endpoint` is an origin, without a path. */
interface BucketSettings extends HttpSettings {
  readonly endpoint?: URL;
  readonly region?: string;
  readonly addressing?: 'auto' | 'virtual' | 'path';
}

export interface S3Settings extends BucketSettings {
  readonly credentials?: Anonymous | Keys | Command | AwsProfile;
  readonly requesterPays?: boolean;
}

/** oss, cos and obs. */
export interface VendorBucketSettings extends BucketSettings {
  readonly credentials?: Anonymous | Keys | Command;
  /** `vendor`: the vendor's own signature, the default; `s3`: SigV4. */
  readonly signature?: 'vendor' | 's3';
  readonly requesterPays?: boolean;
}

export interface GsSettings extends BucketSettings {
  /** `Keys`: HMAC keys. */
  readonly credentials?: Anonymous | Keys | Token | Command | GoogleCredentials;
  /** The project that is billed. */
  readonly requesterPays?: string;
}

export interface AbsSettings extends HttpSettings {
  readonly endpoint?: URL;
  readonly account?: string;
  readonly credentials?: Anonymous | AzureKey | AzureSas | Token | Command | { readonly kind: 'entra' };
}

/** hf, modelscope and opencsg. */
export interface HubSettings extends HttpSettings {
  readonly credentials?: Anonymous | Token | Command;
  /** May have a path. */
  readonly baseUrl?: URL;
  readonly revision?: string;
}

export interface OrasSettings extends HttpSettings {
  /** `Token`: an identity token. */
  readonly credentials?: Anonymous | Token | Password | Command | DockerConfig;
  /** Speak http to the registry. */
  readonly plainHttp?: boolean;
}

export interface HdfsSettings extends HttpSettings {
  /** `Token`: a delegation token, which stands for its user. */
  readonly credentials?: Anonymous | User | Token | Command;
  /** What `webhdfs/v1/` is below, of each name node; each ends with a slash. Undefined: the host of the URL, by http. */
  readonly namenodes?: readonly URL[];
  /** Where data nodes are, as `host` or `host:port`, by what the cluster calls them. */
  readonly datanodes?: Readonly<Record<string, string>>;
}

/** ftp and ftps. What else a rule without a scheme says has no effect. */
export interface FtpSettings extends Omit<HttpSettings, 'tls'> {
  readonly tls?: FtpTlsSettings;
  readonly credentials?: Anonymous | Password | Netrc;
}

export interface FtpTlsSettings extends TlsSettings {
  /** `explicit`: on the connection of the plain protocol (AUTH TLS); `implicit`: from the first byte on, the default of ftps. */
  readonly mode?: 'explicit' | 'implicit';
}

/** What else a rule without a scheme says has no effect. */
export interface SftpSettings extends HttpSettings {
  /** `password`: also where the server asks for it by keyboard-interactive. */
  readonly credentials?: Anonymous | Password | PrivateKey | SshAgent | User;
  /** Instead of those that OpenSSH reads. */
  readonly knownHostsFile?: string;
}

/** dfs has none. */
export type NoSettings = Readonly<Record<string, never>>;

/** Demanded by the rule: no credentials are looked for elsewhere. */
export interface Anonymous {
  readonly kind: 'anonymous';
}

export interface Keys {
  readonly kind: 'keys';
  readonly accessKeyId: SecretSource;
  readonly accessKeySecret: SecretSource;
  readonly sessionToken?: SecretSource;
}

export interface Token {
  readonly kind: 'token';
  readonly token: SecretSource;
}

export interface Password {
  readonly kind: 'password';
  readonly user: string;
  readonly password: SecretSource;
}

/** Who the client says to be, without a proof. */
export interface User {
  readonly kind: 'user';
  readonly user: string;
}

/** `output` is what the command printed: JSON in the form of AWS's `credential_process`, or a bare token. */
export interface Command {
  readonly kind: 'command';
  readonly output: SecretSource;
}

/** `auth`: how it is sent. Undefined: as the origin wants it. */
export interface WebPassword extends Password {
  readonly auth?: 'basic' | 'digest';
}

export interface Netrc {
  readonly kind: 'netrc';
  readonly file: SecretSource;
}

/** `key` in a format of OpenSSH or PEM. Without `user`: as `~/.ssh/config` says. */
export interface PrivateKey {
  readonly kind: 'private key';
  readonly user?: string;
  readonly key: SecretSource;
  readonly passphrase?: SecretSource;
}

/** The path of its socket; true: as `~/.ssh/config` and `SSH_AUTH_SOCK` say. */
export interface SshAgent {
  readonly kind: 'agent';
  readonly user?: string;
  readonly agent: string | true;
}

export interface AwsProfile {
  readonly kind: 'profile';
  readonly profile?: string;
  readonly roleArn?: string;
  readonly externalId?: string;
}

/** A file of credentials in JSON, or its content. */
export interface GoogleCredentials {
  readonly kind: 'google';
  readonly json: SecretSource;
}

export interface AzureKey {
  readonly kind: 'key';
  readonly account?: string;
  readonly key: SecretSource;
}

export interface AzureSas {
  readonly kind: 'sas';
  readonly account?: string;
  readonly sas: SecretSource;
}

/** The directory that has `config.json`; undefined: where docker and podman have it. */
export interface DockerConfig {
  readonly kind: 'docker';
  readonly directory?: string;
}

/** By the scheme of the URL. */
export interface SettingsByScheme {
  readonly dfs: NoSettings;
  readonly http: WebSettings;
  readonly https: WebSettings;
  readonly webdav: WebdavSettings;
  readonly webdavs: WebdavSettings;
  readonly dav: WebdavSettings;
  readonly davs: WebdavSettings;
  readonly s3: S3Settings;
  readonly oss: VendorBucketSettings;
  readonly cos: VendorBucketSettings;
  readonly obs: VendorBucketSettings;
  readonly gs: GsSettings;
  readonly abs: AbsSettings;
  readonly hf: HubSettings;
  readonly modelscope: HubSettings;
  readonly opencsg: HubSettings;
  readonly oras: OrasSettings;
  readonly hdfs: HdfsSettings;
  readonly ftp: FtpSettings;
  readonly ftps: FtpSettings;
  readonly sftp: SftpSettings;
}

export type ConfiguredScheme = keyof SettingsByScheme;

/** What sources, the cache and `config show` get of the configuration. */
export interface SettingsLookup {
  /**
   * For a URL of its scheme. The same object each time while the configuration is the same, so that it may be the key of a
   * WeakMap of what a source makes of it.
   */
  settingsFor(url: URL): SourceSettings;
  /**
   * Of the credentials, the endpoint and whatever else makes content another's: another text for others; undefined:
   * nothing special. It is secret: the keys of a cache are made with a keyed hash of it.
   */
  scopeFor(url: URL): string | undefined;
}

/** A source knows which of the interfaces it is: `settings as S3Settings`. */
export type SourceSettings = SettingsByScheme[ConfiguredScheme];
