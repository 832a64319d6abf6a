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
  ///
  /// An open type: a later version may have more of them, so a `switch` needs a `default`.
  public struct Kind: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The name, the same in every language: `possible_double_charge`.
    public let rawValue: String

    /// A kind by its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// A blinded message that may have been billed already is sent under a new idempotency key.
    public static let possibleDoubleCharge = Kind(rawValue: "possible_double_charge")
    /// Nobody can tell whether a pass was billed, or whether it is spent.
    public static let unknownOutcome = Kind(rawValue: "unknown_outcome")
    /// Persona signs with another key than before.
    public static let keyChanged = Kind(rawValue: "key_changed")
    /// Persona gave two challenges, two keys or two ids of a key for the same hour: what differs goes with
    /// the pass, and may tell her whose it is.
    public static let issuerInconsistent = Kind(rawValue: "issuer_inconsistent")
    /// The id of Persona's key is not the SHA-256 of the key: it could be anything, and goes with the pass.
    public static let keyIDMismatch = Kind(rawValue: "key_id_mismatch")
    /// A pass was bought in the call that asks for the answer: Persona can tell by the clock which relay
    /// it is for.
    public static let linkableByTime = Kind(rawValue: "linkable_by_time")
    /// A pass could not be bought in the background, and cannot be before somebody mends the cause: a
    /// wrong API key, a missing permission. Once for each cause; the message names its code.
    public static let purchaseFailed = Kind(rawValue: "purchase_failed")
    /// A verification needs a pass and the pool has none, and strict privacy buys none for it. Once for
    /// each verification.
    public static let waitingForPass = Kind(rawValue: "waiting_for_pass")
    /// Persona does not answer the question yet.
    public static let pending = Kind(rawValue: "pending")
    /// A pass that was not consumed went back to the pool.
    public static let refunded = Kind(rawValue: "refunded")
    /// Two signatures in a row were no use: the pool buys no more passes of this claim type for an
    /// hour, or until one that is bought otherwise is good.
    public static let poolStopped = Kind(rawValue: "pool_stopped")
    /// Work in the background failed, and will be tried again.
    public static let backgroundFailure = Kind(rawValue: "background_failure")

    /// The name.
    public var description: String { rawValue }
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
