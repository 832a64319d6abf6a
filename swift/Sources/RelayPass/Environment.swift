// Nested: users could not tell them from others' types of these names, for the module's name is the
// class's.

extension RelayPass {
  /// Which of Persona's two worlds: passes and relays of one do not fit the other.
  ///
  /// An open type, so that a configuration's text can be given as it is; ``RelayPass/init(_:)``
  /// refuses what it does not know.
  ///
  /// ```swift
  /// let environment = RelayPass.Environment(rawValue: configuration.personaEnvironment)
  /// ```
  public struct Environment: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// Persona's own name for it.
    public let rawValue: String

    /// An environment by Persona's name for it.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// For real people; passes are billed.
    public static let production = Environment(rawValue: "production")
    /// For tests with Persona.
    public static let sandbox = Environment(rawValue: "sandbox")

    /// The name.
    public var description: String { rawValue }
  }
}

extension RelayPass {
  /// What verifications bind their passes to.
  ///
  /// ```swift
  /// let options = RelayPassOptions(store: "memory:", passBinding: .relay)
  /// ```
  public struct PassBinding: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The name, the same in every language of relaypass.
    public let rawValue: String

    /// A binding by its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// Every relay of the claim type: Persona's current generation.
    public static let claimType = PassBinding(rawValue: "claim_type")
    /// The one relay: the first generation.
    public static let relay = PassBinding(rawValue: "relay")

    /// The name.
    public var description: String { rawValue }
  }
}
