public import Foundation
@preconcurrency internal import RelayPassGenerated

/// A call that failed. Its ``code`` says who can do something about it.
///
/// It may be logged: its text and what shows of it hold no secret. ``claimPayload`` and
/// ``idempotencyKey`` are secret, and show only where they are read.
///
/// A call whose task is cancelled throws `CancellationError` instead.
///
/// ```swift
/// do {
///   return try await client.verifications.complete(id)
/// } catch RelayPassError.Code.notFound {
///   return nil
/// } catch let error as RelayPassError where error.retryable {
///   throw AskAgainLater(error.requestID)
/// }
/// ```
public struct RelayPassError: Error, Sendable {
  /// What went wrong. Stable, and the same text in every language of relaypass.
  ///
  /// An open type: a later version may have more of them, so a `switch` needs a `default`. As the
  /// pattern of a `catch` it matches an error with this code.
  ///
  /// ```swift
  /// switch error.code {
  /// case .rateLimited, .serverError: askAgainLater()
  /// default: throw error
  /// }
  /// ```
  public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The text, the same in every language: `not_found`.
    public let rawValue: String

    /// A code by its text.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// An argument cannot be right. Nothing was sent, unless there is a ``RelayPassError/status``
    /// (400): then Persona found the mistake.
    public static let invalidArgument = Code(rawValue: "invalid_argument")
    /// Persona does not accept the API key (401).
    public static let authentication = Code(rawValue: "authentication")
    /// Persona denies permission (403). On redemption this most likely means that the person has not
    /// finished yet, and is ``RelayPassError/retryable``.
    public static let permissionDenied = Code(rawValue: "permission_denied")
    /// Persona does not know it (404): an unknown relay, a wrong relay secret, an unknown key id. Or
    /// the store does not have the verification.
    public static let notFound = Code(rawValue: "not_found")
    /// Another request is in the way (409).
    public static let conflict = Code(rawValue: "conflict")
    /// Persona understood the request and refuses it (422).
    public static let unprocessable = Code(rawValue: "unprocessable")
    /// Too many requests (429); see ``RelayPassError/rateLimit``.
    public static let rateLimited = Code(rawValue: "rate_limited")
    /// Persona failed (5xx).
    public static let serverError = Code(rawValue: "server_error")
    /// No answer in time.
    public static let timeout = Code(rawValue: "timeout")
    /// The way to Persona is broken: name resolution, connection, TLS, proxy.
    public static let network = Code(rawValue: "network")
    /// Persona broke the protocol: a bad challenge, key, signature or body. Its raw value is
    /// `protocol`.
    public static let protocolViolation = Code(rawValue: "protocol")
    /// Persona does not accept the Privacy Pass (401 on redemption).
    public static let passRejected = Code(rawValue: "pass_rejected")
    /// The Privacy Pass is older than 90 days.
    public static let passExpired = Code(rawValue: "pass_expired")
    /// The claim does not open with the given key, or a stored record with none of the seal keys;
    /// see ``RelayPassError/claimPayload``.
    public static let decryption = Code(rawValue: "decryption")
    /// The claim is not the one that was asked for, or was not encrypted as asked.
    public static let claimMismatch = Code(rawValue: "claim_mismatch")
    /// Strict privacy does not allow it: Persona could tell whose the pass is. Nothing was sent that
    /// names you.
    public static let privacyRefused = Code(rawValue: "privacy_refused")
    /// The caller's store failed. ``RelayPassError/cause`` is what its method threw, the same
    /// object; there is none if it took too long.
    public static let store = Code(rawValue: "store")
    /// A request was sent, its answer never arrived, and nobody can tell what came of it.
    public static let outcomeUnknown = Code(rawValue: "outcome_unknown")
    /// The client was closed before the call began. Nothing was sent; make a new client.
    public static let closed = Code(rawValue: "closed")
    /// The work was cancelled by the native library itself.
    public static let cancelled = Code(rawValue: "cancelled")
    /// A mistake of relaypass itself; please report it. Its raw value is `internal`.
    public static let internalError = Code(rawValue: "internal")

    /// The text.
    public var description: String { rawValue }

    /// Whether an error is one with this code: for `catch`.
    public static func ~= (code: Code, error: any Error) -> Bool {
      (error as? RelayPassError)?.code == code
    }
  }

  /// What went wrong.
  public let code: Code
  /// What to show: one line, and no secret.
  public let message: String
  /// The call that failed, such as `relays.create` or `verifications.start`; empty where no call
  /// was made yet. The same text in every language.
  public let operation: String
  /// Whether the same call may well succeed later, without a risk of being billed twice.
  public let retryable: Bool
  /// The HTTP status, if Persona answered.
  public let status: Int?
  /// Persona's own name for the error.
  public let title: String?
  /// Persona's explanation.
  public let details: String?
  /// What else Persona says, if it is small: an object in JSON.
  public let meta: String?
  /// Persona's `Request-Id`: what their support asks for.
  public let requestID: String?
  /// The rate limit, if Persona reported it.
  public let rateLimit: RateLimit?
  /// A claim that arrived and could not be opened or accepted, with ``Code/decryption``,
  /// ``Code/claimMismatch`` and, on redemption, ``Code/protocolViolation``; else `nil`.
  ///
  /// The pass behind it may be spent, so keep it:
  /// ``openClaim(claimPayload:decryptionKey:claimType:)`` reads it with the right key. It does not
  /// show when the error is logged.
  public let claimPayload: String?
  /// Whether the pass behind ``claimPayload`` is spent; `nil` without one, or if the answer does
  /// not say.
  public let tokenConsumed: Bool?
  /// Whenever an answer to a redemption was lost, whatever came after it: the key under which
  /// Persona keeps the answer for 24 hours. Give it to `generateClaim` with the same relay and
  /// pass. It is as secret as the pass, and does not show when the error is logged; else `nil`.
  public let idempotencyKey: String?
  /// What led to it: with ``Code/store`` what the store's method threw, the same object; otherwise a
  /// ``NativeCause``, or nothing.
  public let cause: (any Error)?

  /// For tests of code that handles errors; relaypass makes its own.
  ///
  /// ```swift
  /// let error = RelayPassError(code: .rateLimited, message: "slow down", status: 429)
  /// ```
  public init(
    code: Code,
    message: String,
    operation: String = "",
    retryable: Bool = false,
    status: Int? = nil,
    title: String? = nil,
    details: String? = nil,
    meta: String? = nil,
    requestID: String? = nil,
    rateLimit: RateLimit? = nil,
    claimPayload: String? = nil,
    tokenConsumed: Bool? = nil,
    idempotencyKey: String? = nil,
    cause: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.operation = operation
    self.retryable = retryable
    self.status = status
    self.title = title
    self.details = details
    self.meta = meta
    self.requestID = requestID
    self.rateLimit = rateLimit
    self.claimPayload = claimPayload
    self.tokenConsumed = tokenConsumed
    self.idempotencyKey = idempotencyKey
    self.cause = cause
  }

  init(_ native: RelayPassGenerated.ErrorRecord, cause: (any Error)?) {
    self.init(
      code: Code(rawValue: native.code),
      message: native.message,
      operation: native.operation,
      retryable: native.retryable,
      status: native.status.map(Int.init),
      title: native.title,
      details: native.details,
      meta: native.meta,
      requestID: native.requestId,
      rateLimit: native.rateLimit.map(RateLimit.init),
      claimPayload: native.claimPayload,
      tokenConsumed: native.tokenConsumed,
      idempotencyKey: native.idempotencyKey,
      cause: cause
        ?? native.causes.first.map {
          NativeCause(message: $0, causes: Array(native.causes.dropFirst()))
        })
  }

  /// A mistake of ours, as when Rust panics.
  static var broken: RelayPassError {
    RelayPassError(
      code: .internalError,
      message: "This is a mistake of relaypass, please report it.")
  }
}

extension RelayPassError: CustomStringConvertible, CustomDebugStringConvertible, LocalizedError,
  CustomReflectable
{
  /// ``message``.
  public var description: String { message }
  /// All but the secrets.
  public var debugDescription: String { describe(self) }
  /// ``message``.
  public var errorDescription: String? { message }
  /// What a debugger and `dump` see: all but the secrets.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "code": code.rawValue,
        "message": message,
        "operation": operation,
        "retryable": retryable,
        "status": status as Any,
        "title": title as Any,
        "details": details as Any,
        "meta": meta as Any,
        "requestID": requestID as Any,
        "rateLimit": rateLimit as Any,
        "claimPayload": redact(claimPayload),
        "tokenConsumed": tokenConsumed as Any,
        "idempotencyKey": redact(idempotencyKey),
        // By its type: what a store threw may say anything.
        "cause": cause.map { String(describing: type(of: $0)) } as Any,
      ],
      displayStyle: .struct)
  }
}

/// What led to an error outside of Swift: a text without secrets, and what led to that.
///
/// ```swift
/// if let cause = error.cause as? NativeCause { logger.debug("\(cause)") }
/// ```
public struct NativeCause: Error, Sendable, CustomStringConvertible {
  /// What happened: one line, and no secret.
  public let message: String
  /// What led to it, the nearest cause first.
  public let causes: [String]

  /// For tests of code that handles errors; relaypass makes its own.
  public init(message: String, causes: [String] = []) {
    self.message = message
    self.causes = causes
  }

  /// The message.
  public var description: String { message }
}
