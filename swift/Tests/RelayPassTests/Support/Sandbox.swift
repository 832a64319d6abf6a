import Foundation
import RelayPass

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// What a test cannot go on after.
struct Broken: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// The stand-in for Persona, as `relaypass sandbox` serves it. It ends with the process that
/// started it, not with the last reference: a client may outlive that.
final class Sandbox: Sendable {
  let url: String
  let apiKey: String
  let productionAPIKey: String

  private let process: Process
  /// Open for as long as the sandbox shall live.
  private let input: Pipe

  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static var executable: URL {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["RELAYPASS_CLI"] { return URL(fileURLWithPath: path) }
    let target = URL(
      fileURLWithPath: environment["CARGO_TARGET_DIR"] ?? "target", relativeTo: repository)
    return target.appendingPathComponent("debug/relaypass")
  }

  init() throws {
    process = Process()
    input = Pipe()
    let output = Pipe()
    process.executableURL = Self.executable
    process.arguments = ["sandbox", "--until-stdin-closes"]
    process.standardInput = input
    process.standardOutput = output
    do {
      try process.run()
    } catch {
      throw Broken(
        "\(Self.executable.path) does not start; build it (cargo build), or set RELAYPASS_CLI")
    }
    var line = Data()
    while !line.contains(UInt8(ascii: "\n")) {
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { throw Broken("the sandbox ended before it was ready") }
      line += more
    }
    let ready = try JSON(parsing: line)
    url = ready["url"]!.string!
    apiKey = ready["api_key"]!.string!
    productionAPIKey = ready["production_api_key"]!.string!
    Self.started.keep(self)
  }

  private static let started = Kept()

  private final class Kept: @unchecked Sendable {
    private let lock = NSLock()
    private var sandboxes: [Sandbox] = []

    func keep(_ sandbox: Sandbox) {
      lock.withLock { sandboxes.append(sandbox) }
    }
  }

  /// Options of a client of this sandbox, with its production key. It waits for no random moment.
  func options(store: (any RelayStore)? = nil) -> RelayPassOptions {
    RelayPassOptions(
      apiKey: productionAPIKey, baseURL: url, store: store.map(StoreSource.custom), purchaseWindow: .zero)
  }

  func client(store: (any RelayStore)? = nil) throws -> RelayPass {
    try RelayPass(options(store: store))
  }

  func reset() async throws {
    try await post("reset")
  }

  func finish(_ relayToken: String, _ result: String = "passed") async throws {
    try await post("relays/\(relayToken)/finish", .object(["result": .string(result)]))
  }

  /// Does the check as the visitor would, on the page.
  func visit(_ hostedURL: String?, _ result: String = "passed") async throws {
    guard let hostedURL else { throw Broken("there is no page to visit") }
    var request = URLRequest(url: URL(string: hostedURL)!)
    request.httpMethod = "POST"
    request.httpBody = Data("result=\(result)".utf8)
    let page = String(decoding: try await fetch(request), as: UTF8.self)
    guard page.contains("is recorded") else { throw Broken("the page does not record: \(page)") }
  }

  func faults(_ faults: [String: JSON]...) async throws {
    try await post("faults", .object(["faults": .array(faults.map(JSON.object))]))
  }

  /// Entries of the ledger, by name.
  func ledger(_ names: String...) async throws -> [Int?] {
    let ledger = try await get("ledger")
    return names.map { ledger[$0]?.int }
  }

  @discardableResult
  func post(_ path: String, _ body: JSON = .object([:])) async throws -> JSON {
    var request = URLRequest(url: control(path))
    request.httpMethod = "POST"
    request.httpBody = try JSONEncoder().encode(body)
    request.setValue("application/json", forHTTPHeaderField: "content-type")
    return try JSON(parsing: try await fetch(request))
  }

  func get(_ path: String) async throws -> JSON {
    try JSON(parsing: try await fetch(URLRequest(url: control(path))))
  }

  private func control(_ path: String) -> URL {
    let escaped = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed)!
    return URL(string: "\(url)/_sandbox/\(escaped)")!
  }

  private func fetch(_ request: URLRequest) async throws -> Data {
    let (data, response) = try await URLSession.shared.data(for: request)
    let status = (response as? HTTPURLResponse)?.statusCode ?? 0
    guard (200..<300).contains(status) else {
      throw Broken("\(request.url!) is refused: \(status) \(String(decoding: data, as: UTF8.self))")
    }
    return data
  }
}

let claimType = "age_over18_verified"
