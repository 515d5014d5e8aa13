/** What may be reached: a rule matches what has all that it names. */
export interface PolicyRule {
  readonly scheme?: string;
  /** `*` stands for any text; without a port, every port is meant. */
  readonly host?: string;
  /** CIDRs, of which one matches. */
  readonly addresses?: readonly string[];
  /** Where it stands, for the message of a refusal. */
  readonly origin: string;
}

/** A rule of `deny` goes before those of `allow`, and these before the default rules. */
export interface PolicyRules {
  readonly allow: readonly PolicyRule[];
  readonly deny: readonly PolicyRule[];
}

export const NO_POLICY: PolicyRules = { allow: [], deny: [] };
