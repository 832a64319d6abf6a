// A store in Swift, and all that can go wrong with one.

import Foundation
import RelayPass
import Testing

@Suite struct StoreTests {
  private static let sandbox = Result { try Sandbox() }
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Self.sandbox.get()
  }

  // What it is for

  @Test(arguments: [false, true])
  func startedPendingPassedForgotten(asynchronous: Bool) async throws {
    let sandbox = try Sandbox()
    let map = MapStore()
    let store: any RelayStore = asynchronous ? later(map) : map
    let verifications = try sandbox.client(store: store).verifications
    let started = try await verifications.start(claimType: claimType, reference: "order-1")
    #expect(started.claimType == claimType)
    #expect(started.status == .pending)
    #expect(started.claim == nil)
    #expect(started.hostedURL != nil && started.sessionAccessToken != nil)
    #expect(abs(started.expiresAt.timeIntervalSinceNow - 1_800) < 60)
    let again = try await verifications.start(claimType: claimType, reference: "order-1")
    #expect(again.id == started.id)
    #expect(try await verifications.complete(started.id) == .pending)

    try await sandbox.visit(started.hostedURL)
    // Another client, as another process would have it.
    let other = try sandbox.client(store: store).verifications
    let completion = try await other.complete(started.id)
    #expect(completion.status == .passed)
    #expect(completion.claim?.passed == true)
    let over = try await verifications.get(started.id)
    #expect(over.status == .passed)
    #expect(over.sessionAccessToken == nil && over.hostedURL == nil)
    #expect(over.claim == completion.claim)

    try await verifications.forget(started.id)
    #expect(code(of: await thrown { try await verifications.get(started.id) }) == "not_found")
    #expect(try await sandbox.ledger("billed", "redeemed", "double_spends") == [1, 1, 0])
  }

  @Test func passesBoughtAheadAreCountedAndUsed() async throws {
    let sandbox = try Sandbox()
    let client = try sandbox.client(store: MapStore())
    #expect(try await client.passes.count(claimType: claimType) == 0)
    #expect(try await client.passes.prefetch(claimType: claimType, count: 2) == 2)
    #expect(try await client.passes.count(claimType: claimType) == 2)
    let started = try await client.verifications.start(claimType: claimType)
    try await sandbox.visit(started.hostedURL)
    #expect(try await client.verifications.complete(started.id).status == .passed)
    #expect(try await client.passes.count(claimType: claimType) == 1)
    #expect(try await sandbox.ledger("billed") == [2])
    for count in [-1, 1001, 1 << 32, Int.max, Int.min] {
      let error = await thrown {
        try await client.passes.prefetch(claimType: claimType, count: count)
      }
      #expect(code(of: error) == "invalid_argument")
    }
  }

  @Test func withoutAStoreItSaysSo() async throws {
    let client = try sandbox.client()
    let id = UUID().uuidString.lowercased()
    for error in [
      await thrown { try await client.verifications.start(claimType: claimType) },
      await thrown { try await client.verifications.complete(id) },
      await thrown { try await client.verifications.get(id) },
      await thrown { try await client.verifications.forget(id) },
      await thrown { try await client.verifications.recover() },
      await thrown { try await client.passes.prefetch(claimType: claimType, count: 1) },
      await thrown { try await client.passes.count(claimType: claimType) },
    ] {
      #expect(code(of: error) == "invalid_argument")
    }
  }

  @Test func aFinishedVerificationCostsOneLoadAndNoRequest() async throws {
    let sandbox = try Sandbox()
    let store = MapStore()
    let client = try sandbox.client(store: store)
    let started = try await client.verifications.start(claimType: claimType)
    try await sandbox.visit(started.hostedURL)
    _ = try await client.verifications.complete(started.id)
    let before = try await sandbox.get("requests")
    // A copy: what start left to the background may still read the first one.
    let copy = await MapStore(records: store.records)
    let other = try sandbox.client(store: copy)
    #expect(try await other.verifications.complete(started.id).status == .passed)
    #expect(await copy.counts == [1, 0, 0])
    #expect(try await sandbox.get("requests") == before)
  }

  @Test func sealKeysLeaveNoSecretInTheStore() async throws {
    let store = MapStore()
    let old = Data((0..<32).map { _ in .random(in: 0...255) })
    let fresh = Data(repeating: 7, count: 32)
    func verifications(_ keys: [Data]) throws -> Verifications {
      var options = sandbox.options(store: store)
      options.sealKeys = keys
      return try RelayPass(options).verifications
    }
    let started = try await verifications([old]).start(claimType: claimType)
    let kept = await store.records.values.reduce(Data()) { $0 + $1.value }
    #expect(kept.range(of: Data(started.sessionAccessToken!.utf8)) == nil)
    for keys in [[], [fresh]] {
      let error = await thrown { try await verifications(keys).get(started.id) }
      #expect(code(of: error) == "decryption")
    }
    try await sandbox.visit(started.hostedURL)
    #expect(try await verifications([fresh, old]).complete(started.id).status == .passed)
    #expect(try await verifications([fresh]).get(started.id).status == .passed)
    for length in [0, 16, 31, 33] {
      let error = await thrown { try verifications([Data(count: length)]) }
      #expect(code(of: error) == "invalid_argument")
    }
  }

  @Test func aStoreByURL() async throws {
    let folder = try TemporaryFolder()
    for url in ["memory:", "sqlite://\(folder.url.path)/relaypass.db"] {
      var options = sandbox.options()
      options.store = .url(url)
      let verifications = try RelayPass(options).verifications
      let started = try await verifications.start(claimType: claimType)
      try await sandbox.visit(started.hostedURL)
      #expect(try await verifications.complete(started.id).status == .passed)
    }
  }

  // Fears

  @Test(arguments: StoreMethod.allCases)
  func aStoreThatThrowsIsTheCauseTheSameObject(_ method: StoreMethod) async throws {
    for asynchronous in [false, true] {
      let own = OwnError()
      let store = method.store {
        if asynchronous { try await Task.sleep(for: .milliseconds(1)) }
        throw own
      }
      let error = await thrown { try await method.reach(sandbox.client(store: store)) }
      guard let failure = error as? RelayPassError, failure.code == .store else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(failure.cause as? OwnError === own)
      #expect(failure.message.contains(method.rawValue))
      #expect(failure.operation.hasPrefix("verifications."))
      #expect(!shown(error!).contains("canary"))
    }
  }

  /// In Swift every error may be thrown, declared or not: none may get lost.
  @Test(arguments: StoreMethod.allCases)
  func aStoreThatThrowsSomethingStrange(_ method: StoreMethod) async throws {
    struct Empty: Error {}
    let strange: [any Error] = [
      Empty(), CancellationError(), NSError(domain: "mine", code: 7), POSIXError(.EIO),
      RelayPassError(code: .notFound, message: "of another client"),
    ]
    for thrownByStore in strange {
      let store = method.store { throw thrownByStore }
      let error = await thrown { try await method.reach(sandbox.client(store: store)) }
      #expect(code(of: error) == "store", "\(thrownByStore)")
      let cause = try #require((error as? RelayPassError)?.cause)
      #expect(type(of: cause) == type(of: thrownByStore))
    }
  }

  @Test(arguments: StoreMethod.allCases)
  func aStoreThatHangsRunsIntoItsTimeLimitAndIsCancelled(_ method: StoreMethod) async throws {
    let cancelled = Gate()
    let store = method.store {
      do {
        try await Task.sleep(for: .seconds(3_600))
        throw Broken("it slept")
      } catch {
        await cancelled.open()
        throw error
      }
    }
    var options = sandbox.options(store: store)
    options.storeTimeout = .milliseconds(50)
    let client = try RelayPass(options)
    let error = await thrown { try await method.reach(client) }
    #expect(code(of: error) == "store")
    #expect((error as? RelayPassError)?.message.contains("took longer than 0.05 seconds") == true)
    #expect((error as? RelayPassError)?.cause == nil)
    try await cancelled.opened()
  }

  @Test func aStoreThatHangsAndAnswersTooLateDoesNoHarm() async throws {
    let gate = Gate()
    let answered = Gate()
    let store = StoreOf(onLoad: { _ in
      await gate.pass()
      await answered.open()
      throw OwnError()
    })
    var options = sandbox.options(store: store)
    options.storeTimeout = .milliseconds(50)
    let client = try RelayPass(options)
    #expect(code(of: await thrown { try await StoreMethod.load.reach(client) }) == "store")
    await gate.open()
    try await answered.opened()
    try await client.close()
  }

  @Test func aStoreThatCallsTheClientAgain() async throws {
    let box = Box()
    let sandbox = sandbox
    let inner = try sandbox.client(store: MapStore())
    let store = StoreOf(onLoad: { _ in
      if await box.descend() {
        let error = await thrown { try await StoreMethod.load.reach(box.client!) }
        guard code(of: error) == "not_found" else { throw Broken("\(error as Any)") }
        _ = try await inner.passes.count(claimType: claimType)
        _ = try await box.client!.relays.create(claimType: claimType)
      }
      return nil
    })
    await box.keep(try sandbox.client(store: store))
    let error = await thrown { try await StoreMethod.load.reach(box.client!) }
    #expect(code(of: error) == "not_found")
    #expect(await box.depth == 3)
    await box.keep(nil)
  }

  private actor Box {
    var client: RelayPass?
    var depth = 0

    func keep(_ client: RelayPass?) {
      self.client = client
    }

    func descend() -> Bool {
      if depth == 3 { return false }
      depth += 1
      return true
    }
  }

  @Test func aDamagedRecordIsLeftUntouched() async throws {
    let store = MapStore()
    let client = try sandbox.client(store: store)
    let started = try await client.verifications.start(claimType: claimType)
    _ = try await client.verifications.complete(started.id) // nothing is left to the background
    let key = try #require(await store.records.keys.first { $0.hasSuffix(started.id) })
    for value in [Data(), Data("canary".utf8), Data(count: 70_000), Data([9])] {
      var damaged = try #require(await store.records[key])
      damaged.value = value
      await store.change(key, to: damaged)
      let error = await thrown { try await client.verifications.complete(started.id) }
      #expect(code(of: error) == "store")
      #expect(!shown(error!).contains("canary"))
      #expect(await store.records[key] == damaged)
    }
  }

  @Test func aStoreThatDoesASwapAndDeniesItOnce() async throws {
    let sandbox = try Sandbox()
    let map = MapStore()
    let store = StoreOf(
      base: map,
      onSwap: { key, expected, new in
        let swapped = await map.compareAndSwap(key, expected: expected, new: new)
        return await map.swaps == 2 ? false : swapped
      })
    let client = try sandbox.client(store: store)
    let started = try await client.verifications.start(claimType: claimType)
    try await sandbox.visit(started.hostedURL)
    #expect(try await client.verifications.complete(started.id).status == .passed)
    #expect(try await sandbox.ledger("billed", "double_spends") == [1, 0])
  }

  @Test func theFlowResumesWhenAStoreIsBack() async throws {
    let map = MapStore()
    let down = Flag()
    let own = OwnError()
    let store = StoreOf(
      onLoad: { if await down.isSet { throw own } else { return await map.load($0) } },
      onSwap: {
        if await down.isSet { throw own }
        return await map.compareAndSwap($0, expected: $1, new: $2)
      })
    let verifications = try sandbox.client(store: store).verifications
    let started = try await verifications.start(claimType: claimType)
    try await sandbox.visit(started.hostedURL)
    await down.set(true)
    let error = await thrown { try await verifications.complete(started.id) }
    #expect((error as? RelayPassError)?.cause as? OwnError === own)
    await down.set(false)
    #expect(try await verifications.complete(started.id).status == .passed)
  }

  @Test(arguments: [false, true])
  func sixtyFourVerificationsAtOnce(asynchronous: Bool) async throws {
    let sandbox = try Sandbox()
    let map = MapStore()
    let client = try sandbox.client(store: asynchronous ? later(map) : map)
    let ended = try await withThrowingTaskGroup(of: VerificationStatus.self) { group in
      for _ in 1...64 {
        group.addTask {
          let started = try await client.verifications.start(claimType: claimType)
          try await sandbox.visit(started.hostedURL)
          return try await client.verifications.complete(started.id).status
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(ended == Array(repeating: .passed, count: 64))
    #expect(try await sandbox.ledger("billed", "redeemed", "double_spends") == [64, 64, 0])
  }

  @Test func sixtyFourCallersWhoCompleteTheSameAreBilledOnce() async throws {
    let sandbox = try Sandbox()
    let client = try sandbox.client(store: later(MapStore()))
    let started = try await client.verifications.start(claimType: claimType)
    try await sandbox.visit(started.hostedURL)
    try await withThrowingTaskGroup(of: VerificationStatus.self) { group in
      for _ in 1...64 {
        group.addTask { try await client.verifications.complete(started.id).status }
      }
      for try await status in group { #expect(status == .passed) }
    }
    #expect(try await sandbox.ledger("billed", "redeemed", "double_spends") == [1, 1, 0])
  }
}

actor Flag {
  var isSet = false

  func set(_ value: Bool) {
    isSet = value
  }
}

func code(of error: (any Error)?) -> String? {
  (error as? RelayPassError)?.code.rawValue
}
