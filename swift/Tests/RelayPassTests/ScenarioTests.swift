// The behaviour that all languages share: tests/scenarios, against the sandbox.

import Foundation
import Testing

@testable import RelayPass

@Suite struct ScenarioTests {
  /// One at a time: they share a sandbox, and some are about time.
  @Test("scenarios", .serialized, arguments: Scenario.all)
  func scenario(_ scenario: Scenario) async throws {
    do {
      try await Player(sandbox: Self.sandbox.get()).play(scenario.content)
      Tally.add(scenario, passed: true)
    } catch {
      Tally.add(scenario, passed: false)
      throw error
    }
  }

  @Test func thereAreScenarios() {
    #expect(Scenario.all.count > 100)
  }

  private static let sandbox = Result { try Sandbox() }
}

struct Scenario: Sendable, CustomTestStringConvertible {
  let file: String
  let name: String
  let content: JSON

  var testDescription: String { "\(file): \(name)" }

  static let all: [Scenario] = {
    let folder = Sandbox.repository.appendingPathComponent("tests/scenarios")
    let files = try! FileManager.default.contentsOfDirectory(atPath: folder.path)
    return files.filter { $0.hasSuffix(".json") }.sorted().flatMap { file in
      let text = try! Data(contentsOf: folder.appendingPathComponent(file))
      return try! JSON(parsing: text).array!.map {
        Scenario(file: file, name: $0["name"]!.string!, content: $0)
      }
    }
  }()
}

/// Counts by file, and prints a file's line after its last scenario.
enum Tally {
  private static let counts = Locked<[String: (played: Int, passed: Int)]>([:])

  static func add(_ scenario: Scenario, passed: Bool) {
    let (played, good) = counts.withLock { counts in
      counts[scenario.file, default: (0, 0)].played += 1
      counts[scenario.file]!.passed += passed ? 1 : 0
      return counts[scenario.file]!
    }
    let total = Scenario.all.filter { $0.file == scenario.file }.count
    if played == total {
      print("scenarios: swift \(scenario.file) \(good)/\(total)")
    }
  }
}

/// Plays one scenario. It knows nothing of Persona: it calls, saves, compares.
private final class Player {
  private let sandbox: Sandbox
  private let hostStore = later(MapStore())
  private var described: [String: JSON] = [:]
  /// The first, and further ones: other processes, with the same options and the same store.
  private var clients: [String: RelayPass] = [:]
  private var saved: [String: JSON] = [:]
  private let told = Locked<[RelayPassEvent.Kind]>([])

  init(sandbox: Sandbox) {
    self.sandbox = sandbox
  }

  func play(_ scenario: JSON) async throws {
    try await sandbox.reset()
    described = scenario["client"]?.object ?? [:]
    let expected = described["expect"]?.object ?? [:]
    let made = try await attempt {
      self.clients[""] = try self.makeClient(self.described)
      return .object([:])
    }
    try compare(made, expected, "client")
    if expected["error"] != nil { return }

    let played: Result<Void, any Error>
    do { played = .success(try await take(scenario["steps"]!.array!)) } catch { played = .failure(error) }
    // What is still being bought is not to be billed to the next scenario.
    for client in clients.values { try? await client.close() }
    try played.get()
  }

  private func take(_ steps: [JSON]) async throws {
    for (index, step) in steps.enumerated() {
      let name = step["do"]!.string!
      let client = try clientOf(step)
      let arguments = try fillIn(step["with"] ?? .object([:])).object!
      let outcome = try await attempt { try await self.perform(client, name, arguments) }
      let expected = try fillIn(step["expect"] ?? .object([:])).object!
      try compare(outcome, expected, "step \(index), \(name)")
      if let name = step["save"]?.string { saved[name] = outcome.members }
    }
  }

  // Clients

  private func clientOf(_ step: JSON) throws -> RelayPass {
    let name = step["client"]?.string ?? ""
    if let client = clients[name] { return client }
    var other = described
    var options = other["options"]?.object ?? [:]
    for (option, value) in try fillIn(step["client_options"] ?? .object([:])).object! {
      if option == "environment" { other[option] = value } else { options[option] = value }
    }
    other["options"] = .object(options)
    let client = try makeClient(other)
    clients[name] = client
    return client
  }

  private func makeClient(_ described: [String: JSON]) throws -> RelayPass {
    let environment = described["environment"]?.string
    let key = environment == "sandbox" ? sandbox.apiKey : sandbox.productionAPIKey
    var options = RelayPassOptions(
      apiKey: described["api_key"].map(\.string) ?? key,
      baseURL: described["base_url"]?.string ?? sandbox.url)
    // A client without a key has no prefix to tell the environment by.
    if options.apiKey == nil { options.environment = environment.map(RelayPass.Environment.init) }
    // Nothing waits in scenarios, unless they say so.
    options.purchaseWindow = .zero
    for (option, value) in described["options"]?.object ?? [:] where value != .null {
      try set(option, to: value, in: &options)
    }
    options.onEvent = { [told] event in told.withLock { $0.append(event.kind) } }
    return try RelayPass(options)
  }

  private func set(_ option: String, to value: JSON, in options: inout RelayPassOptions) throws {
    switch option {
    case "environment": options.environment = RelayPass.Environment(rawValue: value.string!)
    case "timeout": options.timeout = .seconds(value.number!)
    case "retries": options.retries = value.int!
    case "decryption_key": options.decryptionKey = key(value)
    case "encryption_form":
      options.encryptionForm = RelayPass.EncryptionForm(rawValue: value.string!)
    case "ca_pem": options.caPEM = value.string!
    // The sandbox takes what is sent to a proxy for itself.
    case "anonymous_proxy":
      let proxies = value.array ?? [value]
      options.anonymousProxy = proxies.map { $0 == "sandbox" ? sandbox.url : $0.string! }
        .joined(separator: " ")
    case "identified_proxy": options.identifiedProxy = value.string!
    case "store": options.store = value == "host" ? .custom(hostStore) : .url(value.string!)
    case "seal_key": options.sealKeys = [Data(hex: value.string!)]
    case "pass_binding": options.passBinding = RelayPass.PassBinding(rawValue: value.string!)
    case "purchase_window": options.purchaseWindow = .seconds(value.number!)
    case "pass_pool": options.passPool = value.int!
    case "privacy": options.privacy = RelayPass.Privacy(rawValue: value.string!)
    case "isolation": options.isolation = RelayPass.Isolation(rawValue: value.string!)
    default: throw Broken("the scenario has the option \(option), which this runner does not know")
    }
  }

  /// A key in PEM, as the JSON of a JWK or as its members; or a list of such keys.
  private func key(_ given: JSON?) -> KeyMaterial? {
    switch given {
    case .string(let text): text.hasPrefix("{") ? .jwk(text) : .pem(text)
    case .object(let members): KeyMaterial(jwk: members.mapValues(\.plain))
    case .array(let keys): .keys(keys.compactMap(key))
    default: nil
    }
  }

  // Steps

  private func perform(
    _ client: RelayPass, _ name: String, _ arguments: [String: JSON]
  ) async throws -> JSON {
    func text(_ name: String) throws -> String {
      guard let text = arguments[name]?.string else { throw Broken("\(name) must be a text") }
      return text
    }
    let claimType = arguments["claim_type"]?.string
    let theme = arguments["theme"]?.string.map(RelayPass.Theme.init(rawValue:))
    switch name {
    case "relays.create":
      return members(
        try await client.relays.create(
          claimType: text("claim_type"), encryptionKey: key(arguments["encryption_key"])))
    case "relays.issue_privacy_pass":
      let relayToken = arguments["relay_token"]?.string
      let relaySecret = arguments["relay_secret"]?.string
      return switch (claimType, relayToken, relaySecret) {
      case (let claimType?, nil, nil):
        members(try await client.relays.issuePrivacyPass(claimType: claimType))
      case (nil, let relayToken?, let relaySecret?):
        members(
          try await client.relays.issuePrivacyPass(
            relayToken: relayToken, relaySecret: relaySecret))
      default: // does not compile with what is public
        members(
          try await client.relays.issue(
            claimType: claimType, relayToken: relayToken, relaySecret: relaySecret))
      }
    case "relays.generate_claim":
      return members(
        try await client.relays.generateClaim(
          relayToken: text("relay_token"),
          relaySecret: text("relay_secret"),
          privacyPassToken: text("privacy_pass_token"),
          claimType: claimType,
          decryptionKey: key(arguments["decryption_key"]),
          idempotencyKey: arguments["idempotency_key"]?.string,
          encryptionForm: arguments["encryption_form"]?.string.map(
            RelayPass.EncryptionForm.init(rawValue:))))
    case "verifications.start":
      return members(
        try await client.verifications.start(
          claimType: text("claim_type"), reference: arguments["reference"]?.string, theme: theme))
    case "verifications.complete":
      let completion = try await client.verifications.complete(
        text("id"), reissue: arguments["reissue"]?.bool ?? false)
      return .object([
        "status": .string(completion.status.rawValue), "claim": members(completion.claim),
      ])
    case "verifications.get":
      return members(try await client.verifications.get(text("id"), theme: theme))
    case "verifications.forget":
      try await client.verifications.forget(text("id"))
      return .object([:])
    case "verifications.recover":
      return .object(["driven": JSON(try await client.verifications.recover())])
    case "passes.prefetch":
      let bought = try await client.passes.prefetch(
        claimType: text("claim_type"), count: arguments["count"]!.int!)
      return .object(["bought": JSON(bought)])
    case "passes.count":
      return .object(["count": JSON(try await client.passes.count(claimType: text("claim_type")))])
    case "privacy_report":
      return members(try await client.privacyReport())
    case "close":
      try await client.close(timeout: arguments["timeout"]?.number.map { .seconds($0) })
      return .object([:])
    case "events":
      let count = arguments["count"]!.int!
      try await eventually("\(count) events are told") { told.withLock { $0.count } >= count }
      return .object(["kinds": .array(told.withLock { $0 }.map { .string($0.rawValue) })])
    case "generate_key":
      let key = try await EncryptionKey.generate(bits: arguments["bits"]!.int!)
      return .object([
        "public_key_pem": .string(key.publicKeyPEM),
        "public_jwk": try JSON(parsing: Data(key.publicJWK.utf8)),
        "private_key_pem": .string(key.privateKeyPEM),
      ])
    case "sandbox.finish":
      try await sandbox.finish(text("relay_token"), text("result"))
      return .object([:])
    case "sandbox.visit":
      try await sandbox.visit(text("hosted_url"), text("result"))
      return .object([:])
    case "sandbox.clock", "sandbox.faults", "sandbox.settings":
      return try await sandbox.post(String(name.dropFirst("sandbox.".count)), .object(arguments))
    case "sandbox.ledger", "sandbox.requests":
      return try await sandbox.get(String(name.dropFirst("sandbox.".count)))
    default:
      throw Broken("the scenario asks for \(name), which this runner does not know")
    }
  }

  // What comes of them

  private enum Outcome {
    case result(JSON)
    case error(RelayPassError)

    var members: JSON {
      switch self {
      case .result(let result): result
      case .error(let error):
        .object([
          "message": .string(error.message),
          "status": JSON(error.status),
          "retryable": .bool(error.retryable),
          "operation": .string(error.operation),
          "title": JSON(error.title),
          "details": JSON(error.details),
          "token_consumed": JSON(error.tokenConsumed),
          "claim_payload": JSON(error.claimPayload),
          "idempotency_key": JSON(error.idempotencyKey),
        ])
      }
    }
  }

  private func attempt(_ action: () async throws -> JSON) async throws -> Outcome {
    do {
      return .result(try await action())
    } catch let error as RelayPassError {
      return .error(error)
    }
  }

  /// Compares an outcome with what a scenario expects of it.
  private func compare(_ outcome: Outcome, _ expected: [String: JSON], _ place: String) throws {
    var members = expected
    let code = members.removeValue(forKey: "error")?.string
    switch outcome {
    case .result: try check(code == nil, "\(place): \(code ?? "") is expected, and it succeeds")
    case .error(let error):
      try check(error.code.rawValue == code, "\(place) fails with \(error.code): \(error.message)")
    }
    for (path, value) in members {
      let actual = try lookUp(outcome.members, path[...], place)
      try compareValue(actual, value, "\(place): \(path)")
    }
  }

  private func compareValue(_ actual: JSON, _ expected: JSON, _ place: String) throws {
    guard let comparison = expected.object else {
      return try check(actual == expected, "\(place) is \(actual), not \(expected)")
    }
    guard comparison.count == 1, let (kind, value) = comparison.first else {
      throw Broken("\(place): one comparison at a time")
    }
    let holds =
      switch kind {
      case "type": typeName(actual) == value.string
      case "contains": actual.string?.contains(value.string!) ?? false
      case "not": actual != value
      case "length": (actual.array?.count ?? actual.string?.utf16.count) == value.int
      default: throw Broken("\(place): this runner does not know the comparison \(kind)")
      }
    try check(holds, "\(place) is \(actual), which is not \(expected)")
  }

  private func typeName(_ value: JSON) -> String {
    switch value {
    case .null: "null"
    case .bool: "boolean"
    case .number: "number"
    case .string: "string"
    case .array, .object: "object"
    }
  }

  private func check(_ holds: Bool, _ message: String) throws {
    if !holds { throw Broken(message) }
  }

  private func lookUp(_ value: JSON, _ path: Substring, _ place: String) throws -> JSON {
    try path.split(separator: ".").reduce(value) { inside, member in
      let found =
        if case .array(let list) = inside, let index = Int(member), list.indices.contains(index) {
          Optional(list[index])
        } else {
          inside[String(member)]
        }
      guard let found else { throw Broken("\(place) has no \(path)") }
      return found
    }
  }

  /// Replaces `$name` and `$name.member` by what was saved.
  private func fillIn(_ value: JSON) throws -> JSON {
    switch value {
    case .string(let text) where text.hasPrefix("$"):
      let parts = text.dropFirst().split(separator: ".", maxSplits: 1)
      guard let value = saved[String(parts[0])] else {
        throw Broken("the scenario names \(text), and nothing is saved as \(parts[0])")
      }
      return parts.count == 1 ? value : try lookUp(value, parts[1], text)
    case .array(let list): return .array(try list.map(fillIn))
    case .object(let object): return .object(try object.mapValues(fillIn))
    default: return value
    }
  }
}

// Results, with the members that scenarios know.

private func members(_ relay: Relay) -> JSON {
  .object([
    "relay_token": .string(relay.relayToken),
    "relay_secret": .string(relay.relaySecret),
    "relay_session_access_token": .string(relay.relaySessionAccessToken),
    "encryption_form": JSON(relay.encryptionForm?.rawValue),
    "request_id": JSON(relay.requestID),
    "rate_limit": members(relay.rateLimit),
  ])
}

private func members(_ pass: PrivacyPass) -> JSON {
  .object([
    "privacy_pass_token": .string(pass.privacyPassToken),
    "request_id": JSON(pass.requestID),
    "rate_limit": members(pass.rateLimit),
  ])
}

private func members(_ generated: GeneratedClaim) -> JSON {
  .object([
    "claim_payload": .string(generated.claimPayload),
    "token_consumed": .bool(generated.tokenConsumed),
    "claim": members(generated.claim),
    "request_id": JSON(generated.requestID),
    "rate_limit": members(generated.rateLimit),
  ])
}

private func members(_ verification: Verification) -> JSON {
  .object([
    "id": .string(verification.id),
    "claim_type": .string(verification.claimType),
    "status": .string(verification.status.rawValue),
    "claim": members(verification.claim),
    "session_access_token": JSON(verification.sessionAccessToken),
    "hosted_url": JSON(verification.hostedURL),
    "purchase_failure": JSON(verification.purchaseFailure),
    "expires_at": .number((verification.expiresAt.timeIntervalSince1970 * 1_000).rounded()),
  ])
}

private func members(_ report: PrivacyReport) -> JSON {
  .object([
    "findings": .array(
      report.findings.map {
        .object([
          "code": .string($0.code.rawValue),
          "severity": .string($0.severity.rawValue),
          "who": .string($0.who),
          "links": .string($0.links),
          "why": .string($0.why),
          "evidence": .string($0.evidence),
          "change": JSON($0.change),
        ])
      }),
    "text": .string(report.text),
  ])
}

private func members(_ claim: Claim?) -> JSON {
  guard let claim else { return .null }
  return .object([
    "claim_type": .string(claim.claimType),
    "claim_result": .string(claim.claimResult),
    "passed": .bool(claim.passed),
    "methodology": .array(
      claim.methodology.map {
        .object(["method": .string($0.method), "result": .string($0.result)])
      }),
  ])
}

private func members(_ rateLimit: RateLimit?) -> JSON {
  guard let rateLimit else { return .null }
  return .object([
    "limit": JSON(rateLimit.limit),
    "remaining": JSON(rateLimit.remaining),
    "reset_seconds": JSON(rateLimit.resetSeconds),
  ])
}

extension JSON: ExpressibleByStringLiteral {
  init(stringLiteral text: String) {
    self = .string(text)
  }
}

extension Data {
  init(hex: String) {
    let digits = Array(hex)
    self.init(
      stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
    )
  }
}
