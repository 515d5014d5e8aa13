import { RequestActivity } from '../../request-activity.js';
import type { SftpSettings } from '../../settings.js';
import type { SourceClient, SourceContext } from '../../source.js';
import { connectSession } from './connect-session.js';
import { HostSessions } from './host-sessions.js';
import { countFailure } from './request-counts.js';
import { createSftpClient } from './sftp-client.js';
import type { SftpSession } from './sftp-session.js';
import { type SshHome, sshHome } from './ssh-config.js';

/** Names of hosts are whatever programs look up. */
const MAX_HOSTS = 1_000;

/** `home`: where the keys and the configuration of ssh are. */
export function createSftpSource(context: SourceContext, home: SshHome = sshHome()): SourceClient {
  const { engine, log, timeoutMs, retries, activity: all = new RequestActivity() } = context;
  /** By the host, and by the settings, which are the same object while the configuration is the same. */
  const known = new Map<string, { readonly settings: SftpSettings; readonly sessions: HostSessions }[]>();
  const settingsFor = (url: URL): SftpSettings => context.settingsFor(url) as SftpSettings;

  function sessionsFor(url: URL): HostSessions {
    const settings = settingsFor(url);
    const ofHost = known.get(url.host) ?? [];
    const found = ofHost.find((one) => one.settings === settings);
    if (found !== undefined) return found.sessions;
    if (known.size >= MAX_HOSTS) forgetUnused();
    const place = new URL(`sftp://${url.host}${url.pathname}`);
    const activity = all.of('sftp', url.host);
    const options = {
      engine,
      activity,
      home,
      timeoutMs,
      // The rule may be of a path.
      settingsFor: (other: URL) => (other.host === url.host ? settings : settingsFor(other)),
    };
    const connect = async (signal: AbortSignal): Promise<SftpSession> => {
      try {
        return await connectSession(place, options, signal);
      } catch (error) {
        countFailure(activity, error, place);
        throw error;
      }
    };
    const sessions = new HostSessions(connect, timeoutMs);
    known.set(url.host, [...ofHost.filter((one) => !one.sessions.isUnused), { settings, sessions }]);
    return sessions;
  }

  function forgetUnused(): void {
    for (const [host, ofHost] of known)
      if (ofHost.every(({ sessions }) => sessions.isUnused)) known.delete(host);
  }

  const client = createSftpClient({ sessionsFor, log, timeoutMs, retries });
  return {
    ...client,
    close: async () => {
      for (const { sessions } of [...known.values()].flat()) sessions.close();
      known.clear();
      await Promise.resolve();
    },
  };
}
