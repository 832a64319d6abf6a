/**
 * What a {@link PrivacyFinding} is about. Stable, and the same in every language of relaypass.
 *
 * - `one_address`: both lanes leave by the same address.
 * - `own_address`: the calls that must not name the customer leave from this machine's own address.
 * - `proxy_crowd`: who else uses the way out of the calls that must not name the customer cannot be seen from here.
 * - `bought_when_called`: passes are bought when the program, or its caller, buys one.
 * - `bought_at_once`: a verification buys its pass as soon as it begins.
 * - `bought_within_window`: a verification buys its pass within the purchase window.
 * - `bought_ahead`: passes come from a pool, which is refilled as they are used.
 * - `bound_to_relay`: a pass is bought for one relay, which its challenge names.
 * - `pool_not_filled`: a pool is wanted, and nothing fills it.
 * - `bought_while_asked`: passes were bought in the call that asks for the answer.
 * - `hour_in_pass`: a pass carries the hour in which it was bought.
 * - `shared_connections`: anonymous calls of several relays may share a connection.
 * - `encryption_key`: every relay is created with the same public key.
 * - `several_api_keys`: calls under several API keys come from one server.
 * - `issuer_inconsistent`: Persona gave two challenges, two keys or two ids of a key for the same hour, or an odd time.
 * - `key_id_mismatch`: the id of Persona's key is not the digest of the key.
 * - `key_changed`: Persona signs with another key than before.
 * - `refunded_passes`: the pool holds passes that came back, and may have been shown to Persona before.
 * - `compared_alone`: what Persona gives is compared within this process only.
 * - `issuer_seen_once`: what Persona gave last was fetched once: there is nothing to compare it with yet.
 * - `marked_alike`: a mark that all who share the store are given would not be seen.
 * - `few_checks`: where checks are few, there is hardly anybody else.
 * - `paused_together`: calls that Persona makes wait go on together.
 * - `known_as_relaypass`: the crowd is the users of relaypass.
 * - `seen_on_the_way`: networks and proxies on the way see when calls are made.
 */
export type PrivacyCode =
  | 'one_address'
  | 'own_address'
  | 'proxy_crowd'
  | 'bought_when_called'
  | 'bought_at_once'
  | 'bought_within_window'
  | 'bought_ahead'
  | 'bound_to_relay'
  | 'pool_not_filled'
  | 'bought_while_asked'
  | 'hour_in_pass'
  | 'shared_connections'
  | 'encryption_key'
  | 'several_api_keys'
  | 'issuer_inconsistent'
  | 'key_id_mismatch'
  | 'key_changed'
  | 'refunded_passes'
  | 'compared_alone'
  | 'issuer_seen_once'
  | 'marked_alike'
  | 'few_checks'
  | 'paused_together'
  | 'known_as_relaypass'
  | 'seen_on_the_way';

/**
 * How grave a {@link PrivacyFinding} is.
 *
 * - `high`: it joins relays with the customer who bought their passes; it was measured, or seen.
 * - `medium`: it joins relays with each other, or with the customer under a condition that relaypass
 *   cannot see.
 * - `low`: by itself it joins nothing.
 */
export type PrivacySeverity = 'high' | 'medium' | 'low';

/** Something that somebody can link with something. It holds no secret, and is frozen. */
export interface PrivacyFinding {
  /** What it is about; later versions may add others. */
  readonly code: PrivacyCode;
  /** How grave it is. */
  readonly severity: PrivacySeverity;
  /** Who can link: `Persona`, or somebody on the way. */
  readonly who: string;
  /** What with what. */
  readonly links: string;
  /** Why that is so here. */
  readonly why: string;
  /** How sure it is: what was measured, seen, or follows from the protocol. */
  readonly evidence: string;
  /** What to change; `null` where relaypass offers nothing. */
  readonly change: string | null;
}

/** What can be linked with the present configuration, and by what was seen. Frozen. */
export interface PrivacyReport {
  /** The gravest first. There is always one: some limits remain whatever is configured. */
  readonly findings: readonly PrivacyFinding[];
  /** The same as plain text, in lines. */
  readonly text: string;
}

/** @internal */
export function makePrivacyReport(report: PrivacyReport): PrivacyReport {
  report.findings.forEach(Object.freeze);
  Object.freeze(report.findings);
  return Object.freeze(report);
}
