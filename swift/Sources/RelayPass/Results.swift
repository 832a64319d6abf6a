@preconcurrency internal import RelayPassGenerated

/// The rate limit as Persona reported it with an answer.
///
/// ```swift
/// if let left = relay.rateLimit?.remaining, left < 10 { slowDown() }
/// ```
public struct RateLimit: Sendable, Hashable, Codable {
  /// Requests allowed in the current window.
  public let limit: Int
  /// Requests left in the current window.
  public let remaining: Int
  /// Seconds until the window begins anew.
  public let resetSeconds: Int

  /// For tests of code that reads it; relaypass makes its own.
  public init(limit: Int, remaining: Int, resetSeconds: Int) {
    self.limit = limit
    self.remaining = remaining
    self.resetSeconds = resetSeconds
  }

  init(_ native: RateLimitRecord) {
    limit = Int(clamping: native.limit)
    remaining = Int(clamping: native.remaining)
    resetSeconds = Int(clamping: native.resetSeconds)
  }
}

/// The answer about a person.
///
/// ```swift
/// if claim.passed { welcome() }
/// ```
public struct Claim: Sendable, Hashable, Codable {
  /// What was asked, such as `age_over18_verified`.
  public let claimType: String
  /// `passed` or `failed`; Persona may add others.
  public let claimResult: String
  /// Whether the answer is yes: anything but a ``claimResult`` of `passed` is not.
  public let passed: Bool
  /// How Persona found out; empty if it does not say.
  public let methodology: [Method]

  /// One way in which Persona checked a claim.
  ///
  /// ```swift
  /// let byDocument = claim.methodology.contains { $0.method == "document_selfie" }
  /// ```
  public struct Method: Sendable, Hashable, Codable {
    /// Such as `facial_age_estimation`, `document_selfie`, `live_selfie`; the set is open.
    public let method: String
    /// `passed` or `failed`; Persona may add others.
    public let result: String

    /// For tests of code that reads it; relaypass makes its own.
    public init(method: String, result: String) {
      self.method = method
      self.result = result
    }
  }

  /// For tests of code that reads it; relaypass makes its own.
  public init(claimType: String, claimResult: String, passed: Bool, methodology: [Method] = []) {
    self.claimType = claimType
    self.claimResult = claimResult
    self.passed = passed
    self.methodology = methodology
  }

  init(_ native: ClaimRecord) {
    claimType = native.claimType
    claimResult = native.claimResult
    passed = native.passed
    methodology = native.methodology.map { Method(method: $0.method, result: $0.result) }
  }
}

/// A relay session. It lives 30 minutes.
///
/// It is `Codable`, to be stored, with its secrets; its text, `dump` and debugger leave them out.
///
/// ```swift
/// let stored = try JSONEncoder().encode(relay) // with its secrets
/// ```
public struct Relay: Sendable, Hashable, Codable {
  /// Names the relay in later calls.
  public let relayToken: String
  /// Redeems the claim. **Secret**: Persona returns it this once, and it stays on the server.
  public let relaySecret: String
  /// A JWT for the visitor's browser, and the only part that may go there.
  public let relaySessionAccessToken: String
  /// Persona's `Request-Id`: what their support asks for.
  public let requestID: String?
  /// The rate limit, if Persona reported it.
  public let rateLimit: RateLimit?
  /// In which form Persona took the encryption key, and so how the claim comes back; none: without
  /// encryption.
  public let encryptionForm: RelayPass.EncryptionForm?

  /// For tests of code that gets one; relaypass makes its own.
  public init(
    relayToken: String,
    relaySecret: String,
    relaySessionAccessToken: String,
    requestID: String? = nil,
    rateLimit: RateLimit? = nil,
    encryptionForm: RelayPass.EncryptionForm? = nil
  ) {
    self.relayToken = relayToken
    self.relaySecret = relaySecret
    self.relaySessionAccessToken = relaySessionAccessToken
    self.requestID = requestID
    self.rateLimit = rateLimit
    self.encryptionForm = encryptionForm
  }

  init(_ native: RelayRecord) {
    relayToken = native.relayToken
    relaySecret = native.relaySecret
    relaySessionAccessToken = native.relaySessionAccessToken
    requestID = native.requestId
    rateLimit = native.rateLimit.map(RateLimit.init)
    encryptionForm = native.encryptionForm.map(RelayPass.EncryptionForm.init(rawValue:))
  }
}

extension Relay: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// All but the secrets.
  public var description: String { describe(self) }
  /// As ``description``.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: as ``description``.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "relayToken": relayToken,
        "relaySecret": redact(relaySecret),
        "relaySessionAccessToken": redact(relaySessionAccessToken),
        "requestID": requestID as Any,
        "rateLimit": rateLimit as Any,
        "encryptionForm": encryptionForm as Any,
      ],
      displayStyle: .struct)
  }
}

/// A Privacy Pass, paid for and not yet redeemed. `Codable` with its secret, redacted when shown.
///
/// ```swift
/// let pass = try await client.relays.issuePrivacyPass(claimType: "age_over18_verified")
/// ```
public struct PrivacyPass: Sendable, Hashable, Codable {
  /// The pass. **Secret**: whoever has it can spend it, once, within 90 days.
  public let privacyPassToken: String
  /// Persona's `Request-Id`: what their support asks for.
  public let requestID: String?
  /// The rate limit, if Persona reported it.
  public let rateLimit: RateLimit?

  /// For tests of code that gets one; relaypass makes its own.
  public init(
    privacyPassToken: String,
    requestID: String? = nil,
    rateLimit: RateLimit? = nil
  ) {
    self.privacyPassToken = privacyPassToken
    self.requestID = requestID
    self.rateLimit = rateLimit
  }

  init(_ native: PrivacyPassRecord) {
    privacyPassToken = native.privacyPassToken
    requestID = native.requestId
    rateLimit = native.rateLimit.map(RateLimit.init)
  }
}

extension PrivacyPass: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// All but the secret.
  public var description: String { describe(self) }
  /// As ``description``.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: as ``description``.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "privacyPassToken": redact(privacyPassToken),
        "requestID": requestID as Any,
        "rateLimit": rateLimit as Any,
      ],
      displayStyle: .struct)
  }
}

/// Persona's answer about the person. `Codable` with its payload, redacted when shown.
///
/// ```swift
/// let over18 = answer.claim?.passed ?? false
/// ```
public struct GeneratedClaim: Sendable, Hashable, Codable {
  /// The payload as Persona sent it: JSON, or base64 of a ciphertext.
  /// ``openClaim(claimPayload:decryptionKey:claimType:)`` reads it. **Secret.**
  public let claimPayload: String
  /// `true`: the pass is spent. `false`: the claim did not pass, and the pass can be used again.
  public let tokenConsumed: Bool
  /// The claim, opened; `nil` when it is encrypted and there is no decryption key.
  public let claim: Claim?
  /// Persona's `Request-Id`: what their support asks for.
  public let requestID: String?
  /// The rate limit, if Persona reported it.
  public let rateLimit: RateLimit?

  /// For tests of code that gets one; relaypass makes its own.
  public init(
    claimPayload: String,
    tokenConsumed: Bool,
    claim: Claim? = nil,
    requestID: String? = nil,
    rateLimit: RateLimit? = nil
  ) {
    self.claimPayload = claimPayload
    self.tokenConsumed = tokenConsumed
    self.claim = claim
    self.requestID = requestID
    self.rateLimit = rateLimit
  }

  init(_ native: GeneratedClaimRecord) {
    claimPayload = native.claimPayload
    tokenConsumed = native.tokenConsumed
    claim = native.claim.map(Claim.init)
    requestID = native.requestId
    rateLimit = native.rateLimit.map(RateLimit.init)
  }
}

extension GeneratedClaim: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// All but the payload.
  public var description: String { describe(self) }
  /// As ``description``.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: as ``description``.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "claimPayload": redact(claimPayload),
        "tokenConsumed": tokenConsumed,
        "claim": claim as Any,
        "requestID": requestID as Any,
        "rateLimit": rateLimit as Any,
      ],
      displayStyle: .struct)
  }
}
