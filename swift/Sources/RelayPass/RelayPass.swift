@preconcurrency internal import RelayPassGenerated

/// Persona Relay for one customer and one environment.
///
/// It needs no closing: what it holds ends with the last reference to it. A call in flight keeps it
/// to the call's end. Make one and share it; every call may run at the same time as others.
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

  /// Checks everything; nothing is sent.
  ///
  /// - Throws: ``RelayPassError/invalidArgument(_:)``, and what to change.
  public init(_ options: RelayPassOptions = RelayPassOptions()) throws {
    let client = try translatingErrors { try NativeClient.open(options: options.native) }
    relays = Relays(client)
    verifications = Verifications(client)
    passes = Passes(client)
    environment = Environment(rawValue: client.environment())
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
