@preconcurrency internal import RelayPassGenerated

/// What can be linked with the present configuration, and by what was seen. Its text is
/// ``PrivacyReport/text``.
///
/// ```swift
/// print(try await client.privacyReport())
/// ```
public struct PrivacyReport: Sendable, Hashable {
  /// The gravest first. There is always one: some limits remain whatever is configured.
  public let findings: [PrivacyFinding]
  /// The same as plain text, in lines.
  public let text: String

  /// For tests of code that reads it; relaypass makes its own.
  public init(findings: [PrivacyFinding] = [], text: String) {
    self.findings = findings
    self.text = text
  }

  init(_ native: PrivacyReportRecord) throws {
    findings = try native.findings.map(PrivacyFinding.init)
    text = native.text
  }
}

extension PrivacyReport: CustomStringConvertible {
  /// The plain text.
  public var description: String { text }
}

/// Something that somebody can link with something. It holds no secret.
///
/// ```swift
/// let grave = report.findings.filter { $0.severity == .high }
/// ```
public struct PrivacyFinding: Sendable, Hashable {
  /// How grave a finding is.
  ///
  /// ```swift
  /// if finding.severity == .high { warn(finding.links) }
  /// ```
  public enum Severity: String, Sendable, Codable, CaseIterable {
    /// It joins relays with the customer who bought their passes. It was measured, or seen.
    case high
    /// It joins relays with each other, or with the customer under a condition that relaypass cannot see.
    case medium
    /// By itself it joins nothing.
    case low
  }

  /// What a finding is about. Stable, and the same in every language of relaypass.
  ///
  /// An open type: a later version may have more of them, so a `switch` needs a `default`.
  ///
  /// ```swift
  /// let isDirect = report.findings.contains { $0.code == .oneAddress }
  /// ```
  public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The name, the same in every language: `one_address`.
    public let rawValue: String

    /// A code by its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// Both lanes leave by the same address.
    public static let oneAddress = Code(rawValue: "one_address")
    /// The calls that must not name the customer leave from this machine's own address.
    public static let ownAddress = Code(rawValue: "own_address")
    /// Who else uses the way out of the calls that must not name the customer cannot be seen from here.
    public static let proxyCrowd = Code(rawValue: "proxy_crowd")
    /// Passes are bought when the program, or its caller, buys one.
    public static let boughtWhenCalled = Code(rawValue: "bought_when_called")
    /// A verification buys its pass as soon as it begins.
    public static let boughtAtOnce = Code(rawValue: "bought_at_once")
    /// A verification buys its pass within the purchase window.
    public static let boughtWithinWindow = Code(rawValue: "bought_within_window")
    /// Passes come from a pool, which is refilled as they are used.
    public static let boughtAhead = Code(rawValue: "bought_ahead")
    /// A pass is bought for one relay, which its challenge names.
    public static let boundToRelay = Code(rawValue: "bound_to_relay")
    /// A pool is wanted, and nothing fills it.
    public static let poolNotFilled = Code(rawValue: "pool_not_filled")
    /// Passes were bought in the call that asks for the answer.
    public static let boughtWhileAsked = Code(rawValue: "bought_while_asked")
    /// A pass carries the hour in which it was bought.
    public static let hourInPass = Code(rawValue: "hour_in_pass")
    /// Anonymous calls of several relays may share a connection.
    public static let sharedConnections = Code(rawValue: "shared_connections")
    /// Every relay is created with the same public key.
    public static let encryptionKey = Code(rawValue: "encryption_key")
    /// Calls under several API keys come from one server.
    public static let severalApiKeys = Code(rawValue: "several_api_keys")
    /// Persona gave two challenges, two keys or two ids of a key for the same hour, or an odd time.
    public static let issuerInconsistent = Code(rawValue: "issuer_inconsistent")
    /// The id of Persona's key is not the digest of the key.
    public static let keyIDMismatch = Code(rawValue: "key_id_mismatch")
    /// Persona signs with another key than before.
    public static let keyChanged = Code(rawValue: "key_changed")
    /// The pool holds passes that came back, and may have been shown to Persona before.
    public static let refundedPasses = Code(rawValue: "refunded_passes")
    /// What Persona gives is compared within this process only.
    public static let comparedAlone = Code(rawValue: "compared_alone")
    /// What Persona gave last was fetched once: there is nothing to compare it with yet.
    public static let issuerSeenOnce = Code(rawValue: "issuer_seen_once")
    /// A mark that all who share the store are given would not be seen.
    public static let markedAlike = Code(rawValue: "marked_alike")
    /// Where checks are few, there is hardly anybody else.
    public static let fewChecks = Code(rawValue: "few_checks")
    /// Calls that Persona makes wait go on together.
    public static let pausedTogether = Code(rawValue: "paused_together")
    /// The crowd is the users of relaypass.
    public static let knownAsRelaypass = Code(rawValue: "known_as_relaypass")
    /// Networks and proxies on the way see when calls are made.
    public static let seenOnTheWay = Code(rawValue: "seen_on_the_way")

    /// The name.
    public var description: String { rawValue }
  }

  /// What it is about; later versions may add others.
  public let code: Code
  /// How grave it is.
  public let severity: Severity
  /// Who can link: `Persona`, or somebody on the way.
  public let who: String
  /// What with what.
  public let links: String
  /// Why that is so here.
  public let why: String
  /// How sure it is: what was measured, seen, or follows from the protocol.
  public let evidence: String
  /// What to change; `nil` where relaypass offers nothing.
  public let change: String?

  /// For tests of code that reads it; relaypass makes its own.
  public init(
    code: Code,
    severity: Severity,
    who: String,
    links: String,
    why: String,
    evidence: String,
    change: String? = nil
  ) {
    self.code = code
    self.severity = severity
    self.who = who
    self.links = links
    self.why = why
    self.evidence = evidence
    self.change = change
  }

  init(_ native: PrivacyFindingRecord) throws {
    guard let severity = Severity(rawValue: native.severity) else { throw RelayPassError.broken }
    code = Code(rawValue: native.code)
    self.severity = severity
    who = native.who
    links = native.links
    why = native.why
    evidence = native.evidence
    change = native.change
  }
}
