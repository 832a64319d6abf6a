@preconcurrency internal import RelayPassGenerated

/// Something that your log should know and that is no error. It holds no secret.
///
/// ```swift
/// let options = RelayPassOptions(apiKey: apiKey, store: "memory:") { event in
///   logger.info("\(event.kind): \(event.message)")
/// }
/// ```
public struct RelayPassEvent: Sendable, Hashable {
  /// What happened. Stable, and the same in every language of relaypass.
  public enum Kind: Sendable, Hashable {
    /// A blinded message that may have been billed already is sent under a new idempotency key.
    case possibleDoubleCharge
    /// Nobody can tell whether a pass was billed, or whether it is spent.
    case unknownOutcome
    /// Persona signs with another key than before.
    case keyChanged
    /// Persona does not answer the question yet.
    case pending
    /// A pass that was not consumed went back to the pool.
    case refunded
    /// Two signatures in a row were no use: the pool buys no more passes of this claim type for an hour,
    /// or until one that is bought otherwise is good.
    case poolStopped
    /// Work in the background failed, and will be tried again.
    case backgroundFailure
    /// One that this package does not know, by its name.
    case other(String)
  }

  /// What happened.
  public let kind: Kind
  /// The verification it happened to; `nil` for passes bought ahead.
  public let verificationID: String?
  /// Persona's `Request-Id`, if an answer led to it.
  public let requestID: String?
  /// What happened, in a sentence.
  public let message: String

  /// For tests of code that is told of events; relaypass makes its own.
  public init(kind: Kind, verificationID: String? = nil, requestID: String? = nil, message: String)
  {
    self.kind = kind
    self.verificationID = verificationID
    self.requestID = requestID
    self.message = message
  }
}

extension RelayPassEvent.Kind: RawRepresentable, CustomStringConvertible {
  /// The kind by its name, the same in every language: `possible_double_charge`.
  public init(rawValue: String) {
    self =
      switch rawValue {
      case "possible_double_charge": .possibleDoubleCharge
      case "unknown_outcome": .unknownOutcome
      case "key_changed": .keyChanged
      case "pending": .pending
      case "refunded": .refunded
      case "pool_stopped": .poolStopped
      case "background_failure": .backgroundFailure
      default: .other(rawValue)
      }
  }

  /// The name, the same in every language.
  public var rawValue: String {
    switch self {
    case .possibleDoubleCharge: "possible_double_charge"
    case .unknownOutcome: "unknown_outcome"
    case .keyChanged: "key_changed"
    case .pending: "pending"
    case .refunded: "refunded"
    case .poolStopped: "pool_stopped"
    case .backgroundFailure: "background_failure"
    case .other(let name): name
    }
  }

  /// The name.
  public var description: String { rawValue }
}

/// A listener that never throws: nobody could catch it.
final class ListenerAdapter: HostListener {
  private let tell: @Sendable (RelayPassEvent) throws -> Void

  init(_ tell: @escaping @Sendable (RelayPassEvent) throws -> Void) {
    self.tell = tell
  }

  func onEvent(call: UInt64, event: EventRecord) {
    let told = RelayPassEvent(
      kind: RelayPassEvent.Kind(rawValue: event.kind),
      verificationID: event.verificationId,
      requestID: event.requestId,
      message: event.message)
    Calls.$isCalledBack.withValue(true) { try? tell(told) }
  }
}
