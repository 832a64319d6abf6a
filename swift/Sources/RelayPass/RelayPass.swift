@preconcurrency internal import RelayPassGenerated

/// Persona Relay for one customer and one environment.
///
/// Make one and share it; every call may run at the same time as others. What it holds ends with the
/// last reference to it, and a call in flight keeps it to the call's end. A server that is told to
/// stop closes it: ``close(timeout:)``.
///
/// ```swift
/// let client = try RelayPass(.init(apiKey: apiKey))
/// let claimType = "age_over18_verified"
/// let relay = try await client.relays.create(claimType: claimType)
/// let pass = try await client.relays.issuePrivacyPass(claimType: claimType)
/// // … the person verifies with Persona …
/// let answer = try await client.relays.generateClaim(
///   relayToken: relay.relayToken,
///   relaySecret: relay.relaySecret,
///   privacyPassToken: pass.privacyPassToken,
///   claimType: claimType)
/// print(answer.claim?.passed ?? false)
/// ```
public final class RelayPass: Sendable {
  /// The three steps.
  public let relays: Relays
  /// Durable verifications: what to use if there is a store.
  public let verifications: Verifications
  /// Passes bought ahead. They need a store.
  public let passes: Passes
  /// The environment this client speaks for.
  public let environment: Environment

  private let client: NativeClient

  /// Checks everything; nothing is sent.
  ///
  /// - Throws: ``RelayPassError/Code/invalidArgument``, and what to change.
  public init(_ options: RelayPassOptions = RelayPassOptions()) throws {
    let client = try translatingErrors { try NativeClient.open(options: options.native) }
    self.client = client
    relays = Relays(client)
    verifications = Verifications(client)
    passes = Passes(client)
    environment = Environment(rawValue: client.environment())
  }

  /// What can be linked with the present configuration, and by what was seen: by this client since it
  /// was made, and by all who share its store. Nothing is sent.
  ///
  /// What is measured is quoted with its figures; what is not, says so. No key, URL or address is in
  /// it.
  ///
  /// ```swift
  /// let report = try await client.privacyReport()
  /// print(report)
  /// ```
  ///
  /// - Parameter timeout: How long the whole call may take.
  /// - Throws: ``RelayPassError``: `store`; `decryption` for what another seal key has sealed.
  public func privacyReport(timeout: Duration? = nil) async throws -> PrivacyReport {
    let arguments = PrivacyReportArguments()
    return try PrivacyReport(await call(client.privacyReport, arguments, timeout: timeout))
  }

  /// Closes the client, in order. From now on every new call throws ``RelayPassError/Code/closed``.
  /// Calls under way, purchases of ``Verifications/start(claimType:reference:timeout:)`` and the work
  /// of ``RelayPassOptions/background`` come to their end. Then a built-in store is closed, and one
  /// of yours is not called any more.
  ///
  /// It may be called again, and by several at the same time. From within a method of a store or
  /// ``RelayPassOptions/onEvent``, it begins to close and returns at once. Cancelling the task does
  /// not end it: it has a limit.
  ///
  /// Without it nothing is lost: the next `complete` or `recover` does what was left undone.
  ///
  /// ```swift
  /// try await client.close(timeout: .seconds(20))
  /// ```
  ///
  /// - Parameter timeout: How long to wait for what is under way; by default the time of one call:
  ///   30 seconds, or ``RelayPassOptions/timeout``, if that is longer.
  /// - Throws: ``RelayPassError/Code/timeout`` when something was still under way when the time was
  ///   up: the client is closed, and work in the background was broken off, as in a crash.
  public func close(timeout: Duration? = nil) async throws {
    let (client, isCalledBack) = (client, Calls.isCalledBack)
    // A task of its own: a server often stops in one that is cancelled.
    let closing = Task {
      _ = try await call(timeout: timeout) { number, seconds in
        try await client.closeClient(
          isCalledBack: isCalledBack, number: number, timeout: seconds)
      }
    }
    try await closing.value
  }
}

extension RelayPass: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The environment, and nothing secret.
  public var description: String { describe(self) }
  /// As ``description``.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: as ``description``.
  public var customMirror: Mirror {
    Mirror(self, children: ["environment": environment.rawValue], displayStyle: .class)
  }
}
