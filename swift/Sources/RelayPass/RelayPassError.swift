public import Foundation
@preconcurrency internal import RelayPassGenerated

/// A call that failed: one case for each code, by who can do something about it.
///
/// It may be logged: its text and what shows of it hold no secret. ``claimPayload`` and
/// ``idempotencyKey`` are secret, and show only where they are read.
///
/// A call whose task is cancelled throws `CancellationError` instead.
///
/// ```swift
/// do {
///   return try await client.verifications.complete(id)
/// } catch RelayPassError.notFound {
///   return nil
/// } catch let error as RelayPassError where error.retryable {
///   throw AskAgainLater(error.requestID)
/// }
/// ```
public enum RelayPassError: Error, Sendable {
  /// An argument cannot be right. Nothing was sent, unless there is a ``status`` (400): then
  /// Persona found the mistake.
  case invalidArgument(Failure)
  /// Persona does not accept the API key (401).
  case authentication(Failure)
  /// Persona denies permission (403). On redemption this most likely means that the person has not
  /// finished yet, and is ``retryable``.
  case permissionDenied(Failure)
  /// Persona does not know it (404): an unknown relay, a wrong relay secret, an unknown key id. Or
  /// the store does not have the verification.
  case notFound(Failure)
  /// Another request is in the way (409).
  case conflict(Failure)
  /// Persona understood the request and refuses it (422).
  case unprocessable(Failure)
  /// Too many requests (429); see ``rateLimit``.
  case rateLimited(Failure)
  /// Persona failed (5xx).
  case serverError(Failure)
  /// No answer in time.
  case timeout(Failure)
  /// The way to Persona is broken: name resolution, connection, TLS, proxy.
  case network(Failure)
  /// Persona broke the protocol: a bad challenge, key, signature or body. Its ``code`` is
  /// `protocol`.
  case protocolViolation(Failure)
  /// Persona does not accept the Privacy Pass (401 on redemption).
  case passRejected(Failure)
  /// The Privacy Pass is older than 90 days.
  case passExpired(Failure)
  /// The claim does not open with the given key, or a stored record with none of the seal keys; see ``claimPayload``.
  case decryption(Failure)
  /// The claim is not the one that was asked for, or was not encrypted as asked.
  case claimMismatch(Failure)
  /// The caller's store failed. ``cause`` is what its method threw, the same object; there is none
  /// if it took too long.
  case store(Failure)
  /// A request was sent, its answer never arrived, and nobody can tell what came of it.
  case outcomeUnknown(Failure)
  /// The client was closed before the call began. Nothing was sent; make a new client.
  case closed(Failure)
  /// The work was cancelled by the native library itself.
  case cancelled(Failure)
  /// relaypass itself failed, which is a mistake of ours. Ask what came of the call as after a crash.
  case `internal`(Failure)
  /// A code that this package does not know.
  case other(Failure)

  /// What is known about a call that failed.
  ///
  /// ```swift
  /// let error = RelayPassError(.init(code: "rate_limited", message: "slow down", status: 429))
  /// ```
  public struct Failure: Sendable {
    /// See ``RelayPassError/code``.
    public var code: String
    /// See ``RelayPassError/message``.
    public var message: String
    /// See ``RelayPassError/operation``.
    public var operation: String
    /// See ``RelayPassError/retryable``.
    public var retryable: Bool
    /// See ``RelayPassError/status``.
    public var status: Int?
    /// See ``RelayPassError/title``.
    public var title: String?
    /// See ``RelayPassError/details``.
    public var details: String?
    /// See ``RelayPassError/meta``.
    public var meta: String?
    /// See ``RelayPassError/requestID``.
    public var requestID: String?
    /// See ``RelayPassError/rateLimit``.
    public var rateLimit: RateLimit?
    /// See ``RelayPassError/claimPayload``.
    public var claimPayload: String?
    /// See ``RelayPassError/tokenConsumed``.
    public var tokenConsumed: Bool?
    /// See ``RelayPassError/idempotencyKey``.
    public var idempotencyKey: String?
    /// See ``RelayPassError/cause``.
    public var cause: (any Error)?

    /// For tests of code that handles errors; relaypass makes its own.
    public init(
      code: String,
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
  }

  /// The case of the failure's code.
  public init(_ failure: Failure) {
    self =
      switch failure.code {
      case "invalid_argument": .invalidArgument(failure)
      case "authentication": .authentication(failure)
      case "permission_denied": .permissionDenied(failure)
      case "not_found": .notFound(failure)
      case "conflict": .conflict(failure)
      case "unprocessable": .unprocessable(failure)
      case "rate_limited": .rateLimited(failure)
      case "server_error": .serverError(failure)
      case "timeout": .timeout(failure)
      case "network": .network(failure)
      case "protocol": .protocolViolation(failure)
      case "pass_rejected": .passRejected(failure)
      case "pass_expired": .passExpired(failure)
      case "decryption": .decryption(failure)
      case "claim_mismatch": .claimMismatch(failure)
      case "store": .store(failure)
      case "outcome_unknown": .outcomeUnknown(failure)
      case "closed": .closed(failure)
      case "cancelled": .cancelled(failure)
      case "internal": .internal(failure)
      default: .other(failure)
      }
  }

  /// All that is known.
  public var failure: Failure {
    switch self {
    case .invalidArgument(let failure), .authentication(let failure),
      .permissionDenied(let failure), .notFound(let failure), .conflict(let failure),
      .unprocessable(let failure), .rateLimited(let failure), .serverError(let failure),
      .timeout(let failure), .network(let failure), .protocolViolation(let failure),
      .passRejected(let failure), .passExpired(let failure), .decryption(let failure),
      .claimMismatch(let failure), .store(let failure), .outcomeUnknown(let failure),
      .closed(let failure), .cancelled(let failure), .internal(let failure),
      .other(let failure):
      failure
    }
  }

  /// What went wrong. Stable, and the same text in every language of relaypass: `not_found`.
  public var code: String { failure.code }
  /// What to show: one line, and no secret.
  public var message: String { failure.message }
  /// The call that failed, such as `relays.create` or `verifications.start`; empty where no call
  /// was made yet. The same text in every language.
  public var operation: String { failure.operation }
  /// Whether the same call may well succeed later, without a risk of being billed twice.
  public var retryable: Bool { failure.retryable }
  /// The HTTP status, if Persona answered.
  public var status: Int? { failure.status }
  /// Persona's own name for the error.
  public var title: String? { failure.title }
  /// Persona's explanation.
  public var details: String? { failure.details }
  /// What else Persona says, if it is small: an object in JSON.
  public var meta: String? { failure.meta }
  /// Persona's `Request-Id`: what their support asks for.
  public var requestID: String? { failure.requestID }
  /// The rate limit, if Persona reported it.
  public var rateLimit: RateLimit? { failure.rateLimit }
  /// What led to it: with ``store(_:)`` what the store's method threw, the same object; otherwise a
  /// ``NativeCause``, or nothing.
  public var cause: (any Error)? { failure.cause }

  /// A claim that arrived and could not be opened or accepted, with ``decryption(_:)``,
  /// ``claimMismatch(_:)`` and, on redemption, ``protocolViolation(_:)``; else `nil`.
  ///
  /// The pass behind it may be spent, so keep it:
  /// ``openClaim(claimPayload:decryptionKey:claimType:)`` reads it with the right key. It does not
  /// show when the error is logged.
  public var claimPayload: String? { failure.claimPayload }
  /// Whether the pass behind ``claimPayload`` is spent; `nil` without one, or if the answer does
  /// not say.
  public var tokenConsumed: Bool? { failure.tokenConsumed }
  /// Whenever an answer to a redemption was lost, whatever came after it: the key under which
  /// Persona keeps the answer for 24 hours. Give it to `generateClaim` with the same relay and pass. It is as secret as the pass,
  /// and does not show when the error is logged; else `nil`.
  public var idempotencyKey: String? { failure.idempotencyKey }
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

  /// The message.
  public var description: String { message }
}

extension RelayPassError: CustomStringConvertible, CustomDebugStringConvertible, LocalizedError,
  CustomReflectable
{
  /// ``message``.
  public var description: String { message }
  /// Code and message.
  public var debugDescription: String { "RelayPassError.\(code): \(message)" }
  /// ``message``.
  public var errorDescription: String? { message }
  /// What a debugger and `dump` see: all but the secrets.
  public var customMirror: Mirror { failure.customMirror }
}

extension RelayPassError.Failure: CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// ``message``.
  public var description: String { message }
  /// All but the secrets.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: all but the secrets.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "code": code,
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

  init(_ native: RelayPassGenerated.ErrorRecord, thrown: (any Error)?) {
    self.init(
      code: native.code,
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
      cause: thrown
        ?? native.causes.first.map {
          NativeCause(message: $0, causes: Array(native.causes.dropFirst()))
        })
  }

  /// A mistake of ours, as when Rust panics.
  static var broken: RelayPassError.Failure {
    RelayPassError.Failure(
      code: "internal", message: "This is a mistake of relaypass, please report it.")
  }
}

extension RelayPassError {
  init(_ native: RelayPassGenerated.ErrorRecord, cause: (any Error)?) {
    self.init(Failure(native, thrown: cause))
  }
}
