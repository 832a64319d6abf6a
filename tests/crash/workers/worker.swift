// A process that works on verifications, as a server of a user's would: told what to do by lines of
// JSON on its standard input, answering by lines of JSON, several commands at once.
//
// It says {"ready": true} when it begins its first command.

import Foundation
import RelayPass

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

let claimType = "age_over18_verified"
let environment = ProcessInfo.processInfo.environment

typealias Members = [String: any Sendable]

struct Worker: Sendable {
  let client: RelayPass
  let events = Events()

  init(_ store: StoreSource) throws {
    client = try openClient(store) { [events] event in events.add(event.kind.rawValue) }
  }

  func answer(_ command: Members) async {
    let number = command["number"] as! Int
    do {
      let answer = try await perform(command)
      say(answer.merging(["number": number]) { answer, _ in answer })
    } catch let error as RelayPassError {
      say(["number": number, "error": error.code.rawValue, "message": error.message])
    } catch {
      fatalError("\(error)")
    }
  }

  private func perform(_ command: Members) async throws -> Members {
    func text(_ name: String) -> String { command[name] as! String }
    switch text("do") {
    case "verify":
      // A whole verification, the visitor's part included; or what another worker left of it.
      return try await verify(client, text("reference"))
    case "start":
      let started = try await client.verifications.start(
        claimType: claimType, reference: text("reference"))
      return ["id": started.id, "hosted_url": started.hostedURL ?? NSNull()]
    case "visit":
      try await visit(text("hosted_url"))
      return [:]
    case "complete":
      return ["status": try await client.verifications.complete(text("id")).status.rawValue]
    case "recover":
      return ["driven": try await client.verifications.recover()]
    case "told":
      return ["events": events.kinds]
    case "broken":
      // A whole verification on a store of its own whose nth call goes wrong.
      return try await verifyOnBrokenStore(text("how"), command["nth"] as! Int)
    case let name:
      fatalError("this worker does not know \(name)")
    }
  }
}

/// The kinds of the events so far.
final class Events: @unchecked Sendable {
  private let lock = NSLock()
  private var told: [String] = []

  var kinds: [String] { lock.withLock { told } }

  func add(_ kind: String) {
    lock.withLock { told.append(kind) }
  }
}

func verify(_ client: RelayPass, _ reference: String) async throws -> Members {
  let started = try await client.verifications.start(claimType: claimType, reference: reference)
  if let page = started.hostedURL { try await visit(page) }
  let completion = try await client.verifications.complete(started.id)
  return ["id": started.id, "status": completion.status.rawValue]
}

/// The visitor passes the check. Somebody whose work is continued may have done so before.
func visit(_ hostedURL: String) async throws {
  var request = URLRequest(url: URL(string: hostedURL)!)
  request.httpMethod = "POST"
  request.httpBody = Data("result=passed".utf8)
  let (_, response) = try await URLSession.shared.data(for: request)
  let status = (response as! HTTPURLResponse).statusCode
  guard status < 500 else { fatalError("the hosted page answers \(status)") }
}

/// A store in memory whose nth call goes wrong, before or after it did what was asked.
actor BrokenStore: RelayStore {
  final class OwnError: Error {}

  let error = OwnError()
  private(set) var fired: String?
  private(set) var records: [String: StoreRecord] = [:]
  private var calls = 0
  private let what: Substring
  private let when: Substring
  private let nth: Int

  init(_ how: String, _ nth: Int) {
    let words = how.split(separator: " ")
    (what, when, self.nth) = (words[0], words[1], nth)
  }

  func load(_ key: String) async throws -> StoreRecord? {
    guard breaks("load") else { return records[key] }
    // The only answer that says nothing: in Swift there is none of a wrong type.
    if what == "answers-nonsense" {
      return StoreRecord(value: Data([0xff, 0x00]), version: 1, dueAt: nil, expiresAt: nil)
    }
    try await fail()
    return nil
  }

  func compareAndSwap(_ key: String, expected: UInt64?, new: StoreRecord?) async throws -> Bool {
    guard breaks("compareAndSwap") else { return swap(key, expected, new) }
    if when == "after" { _ = swap(key, expected, new) }
    if what == "lies" { return when == "before" }
    try await fail()
    return false
  }

  func scan(prefix: String, dueBefore: UInt64?, limit: Int) async throws -> [String] {
    if breaks("scan") { try await fail() }
    let found = records.filter { key, record in
      guard key.hasPrefix(prefix) else { return false }
      guard let dueBefore else { return true }
      return record.dueAt.map { $0 <= dueBefore } ?? false
    }
    let order = found.map { (dueBefore == nil ? 0 : $0.value.dueAt!, $0.key) }.sorted(by: <)
    return order.prefix(limit).map(\.1)
  }

  private func breaks(_ method: String) -> Bool {
    calls += 1
    let isAbout =
      switch what {
      case "lies": method == "compareAndSwap"
      case "answers-nonsense": method == "load"
      default: true
      }
    if calls < nth || fired != nil || !isAbout { return false }
    fired = method
    return true
  }

  private func fail() async throws {
    if what == "throws" { throw error }
    // Hangs, cancelled or not.
    await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
  }

  private func swap(_ key: String, _ expected: UInt64?, _ new: StoreRecord?) -> Bool {
    guard records[key]?.version == expected else { return false }
    records[key] = new
    return true
  }
}

func verifyOnBrokenStore(_ how: String, _ nth: Int) async throws -> Members {
  let store = BrokenStore(how, nth)
  let client = try openClient(.custom(store), storeTimeout: .seconds(2))
  var failures: [Members] = []
  var status = "never"
  var started: Verification?
  // Asked again as a user would who keeps the id, a few times only.
  for _ in 1...5 where status == "never" {
    do {
      if started == nil {
        started = try await client.verifications.start(claimType: claimType, reference: "the-one")
      }
      if let page = started!.hostedURL { try await visit(page) }
      status = try await client.verifications.complete(started!.id).status.rawValue
    } catch let error as RelayPassError {
      let isOwn = (error.cause as? BrokenStore.OwnError) === store.error
      failures.append(["code": error.code.rawValue, "is_own": isOwn])
      if case .notFound = error { started = nil }
    }
  }
  let verifications = await store.records.keys.filter { $0.hasPrefix("verification/") }.count
  return [
    "fired": await store.fired ?? NSNull(), "failures": failures,
    "verifications": verifications, "status": status,
  ]
}

func openClient(
  _ store: StoreSource,
  storeTimeout: Duration? = nil,
  onEvent: (@Sendable (RelayPassEvent) -> Void)? = nil
) throws -> RelayPass {
  let sealKey = environment["RELAYPASS_SEAL_KEY"] ?? ""
  return try RelayPass(
    .init(
      apiKey: environment["RELAYPASS_API_KEY"],
      baseURL: environment["RELAYPASS_BASE_URL"],
      store: store,
      storeTimeout: storeTimeout,
      sealKeys: sealKey.isEmpty ? [] : [bytes(ofHex: sealKey)],
      onEvent: onEvent))
}

/// The built-in store, or, with `example+` before it, the example that a user would copy.
func openStore(_ url: String) throws -> StoreSource {
  guard url.hasPrefix("example+") else { return .url(url) }
  return .custom(try FileStore(folder: URL(string: String(url.dropFirst("example+".count)))!))
}

func bytes(ofHex text: String) -> Data {
  let digits = Array(text)
  return Data(
    stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! })
}

func say(_ line: Members) {
  let text = try! JSONSerialization.data(withJSONObject: line)
  FileHandle.standardOutput.write(text + Data("\n".utf8)) // in one piece
}

func lines() -> AsyncStream<String> {
  AsyncStream { lines in
    Thread.detachNewThread {
      while let line = readLine() { lines.yield(line) }
      lines.finish()
    }
  }
}

func parse(_ line: String) -> Members {
  let object = try! JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
  return object.mapValues { value in
    if let number = value as? Int { number } else { value as! String }
  }
}

let worker = try Worker(openStore(environment["RELAYPASS_STORE"]!))
await withTaskGroup(of: Void.self) { answers in
  var isReady = false
  for await line in lines() {
    if !isReady { say(["ready": true]) }
    isReady = true
    let command = parse(line)
    answers.addTask { await worker.answer(command) }
  }
}
