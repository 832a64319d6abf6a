// The three steps, by a program that logs all it gets: options, results, clients, keys and errors,
// in every way that Swift has to print them. Its own secrets go to the file SECRETS.

import Foundation
import RelayPass

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

let environment = ProcessInfo.processInfo.environment
let apiKey = environment["RELAYPASS_API_KEY"]!
let baseURL = environment["RELAYPASS_BASE_URL"]!
let claimType = "age_over18_verified"

func show(_ thing: Any) {
  print(thing, [thing], ["thing": thing], Optional(thing) as Any)
  debugPrint(thing)
  dump(thing)
  print(String(describing: thing), String(reflecting: thing))
  NSLog("%@", "\(thing)")
  showMembers(of: thing, depth: 0)
}

func showMembers(of thing: Any, depth: Int) {
  for (label, member) in Mirror(reflecting: thing).children where depth < 9 {
    print(label ?? "", member)
    showMembers(of: member, depth: depth + 1)
  }
}

func showError(_ error: any Error) {
  show(error)
  show(error as NSError)
  show((error as NSError).userInfo)
  print(error.localizedDescription)
  guard let error = error as? RelayPassError else { return }
  for member in [
    error.code, error.operation, error.title, error.details, error.meta, error.requestID,
    error.cause, error.rateLimit,
  ] as [Any?] {
    show(member as Any)
  }
}

func makeKey() async throws -> EncryptionKey {
  let key = try await EncryptionKey.generate()
  let lines = key.privateKeyPEM.components(separatedBy: "\n")
  try JSONEncoder().encode(lines).write(to: URL(fileURLWithPath: environment["SECRETS"]!))
  return key
}

func visitorVerifies(_ relayToken: String) async throws {
  let sandbox = environment["SANDBOX_URL"]!
  var request = URLRequest(url: URL(string: "\(sandbox)/_sandbox/relays/\(relayToken)/finish")!)
  request.httpMethod = "POST"
  request.setValue("application/json", forHTTPHeaderField: "content-type")
  request.httpBody = try JSONEncoder().encode(["result": environment["VISITOR"]!])
  let (_, response) = try await URLSession.shared.data(for: request)
  guard (response as? HTTPURLResponse)?.statusCode == 200 else {
    fatalError("the sandbox refuses")
  }
}

func threeSteps(_ key: EncryptionKey) async throws {
  let options = RelayPassOptions(apiKey: apiKey, baseURL: baseURL, decryptionKey: .pair(key))
  show(options)
  let client = try RelayPass(options)
  show(client)
  show(client.relays)
  let relay = try await client.relays.create(claimType: claimType)
  show(relay)
  let pass = try await client.relays.issuePrivacyPass(claimType: claimType)
  show(pass)
  try await visitorVerifies(relay.relayToken)
  show(
    try await client.relays.generateClaim(
      relayToken: relay.relayToken,
      relaySecret: relay.relaySecret,
      privacyPassToken: pass.privacyPassToken))
}

// Secrets where they do not belong: the complaint must not repeat them.
func misuse(_ key: EncryptionKey) async throws {
  let pem = key.privateKeyPEM
  let relays = try RelayPass(.init(apiKey: apiKey, baseURL: baseURL)).relays
  let options: [RelayPassOptions] = [
    .init(apiKey: "\(apiKey)\nx", baseURL: baseURL),
    .init(apiKey: apiKey, baseURL: baseURL, environment: RelayPass.Environment(rawValue: apiKey)),
    .init(apiKey: apiKey, baseURL: "http://\(apiKey)@127.0.0.1"),
    .init(apiKey: apiKey, baseURL: "x\(apiKey)"),
    .init(apiKey: apiKey, baseURL: baseURL, identifiedProxy: "ftp://\(apiKey)@127.0.0.1"),
    .init(apiKey: apiKey, baseURL: baseURL, decryptionKey: .pem(String(pem.dropLast(40)))),
    .init(apiKey: apiKey, baseURL: baseURL, caPEM: pem),
    .init(apiKey: apiKey, baseURL: baseURL, store: .url(apiKey)),
    .init(apiKey: apiKey, baseURL: baseURL, passBinding: RelayPass.PassBinding(rawValue: apiKey)),
    .init(apiKey: apiKey, baseURL: baseURL, sealKeys: [Data(apiKey.utf8)]),
  ]
  for wrong in options { try await refused { _ = try RelayPass(wrong) } }
  try await refused { _ = try await relays.create(claimType: claimType, encryptionKey: .pem(pem)) }
  try await refused { _ = try await relays.create(claimType: "\(apiKey) ") }
  for (token, secret, pass) in [
    ("\(apiKey) ", "\(apiKey) ", apiKey), ("a", "a", apiKey), ("a", "\(apiKey) ", "a"),
  ] {
    try await refused {
      _ = try await relays.generateClaim(
        relayToken: token, relaySecret: secret, privacyPassToken: pass)
    }
  }
  try await refused { _ = try EncryptionKey(pem: String(pem.dropLast(40))) }
  try await refused { _ = try openClaim(claimPayload: apiKey, decryptionKey: .pem(pem)) }
}

func refused(_ wrong: () async throws -> Void) async throws {
  do {
    try await wrong()
  } catch {
    return showError(error)
  }
  fatalError("a misuse is accepted")
}

let key = try await makeKey()
show(key)
show(KeyMaterial.pair(key))
try await misuse(key)
do {
  try await threeSteps(key)
} catch {
  showError(error)
  throw error
}
