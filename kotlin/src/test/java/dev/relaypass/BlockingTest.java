package dev.relaypass;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.relaypass.support.Sandbox;
import dev.relaypass.support.SilentServer;
import dev.relaypass.testing.CheckStore;
import dev.relaypass.testing.StoreReport;
import dev.relaypass.testing.StoreViolation;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** The package as Java sees it. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BlockingTest {
    private static final String CLAIM_TYPE = "age_over18_verified";

    private final Sandbox sandbox = Sandbox.Companion.start();

    @AfterAll
    void stop() {
        sandbox.close();
    }

    private RelayPassBlocking.Builder builder() {
        return RelayPassBlocking.builder().apiKey(sandbox.getProductionApiKey()).baseUrl(sandbox.getUrl());
    }

    /** A store in Java, as simple as can be. */
    private static class MapStore implements BlockingRelayStore {
        final Map<String, StoreRecord> records = new HashMap<>();

        @Override
        public synchronized StoreRecord load(String key) throws Exception {
            return records.get(key);
        }

        @Override
        public synchronized boolean compareAndSwap(String key, Long expected, StoreRecord next) {
            StoreRecord found = records.get(key);
            if (found == null ? expected != null : expected == null || found.getVersion() != expected) {
                return false;
            }
            if (next == null) {
                records.remove(key);
            } else {
                records.put(key, next);
            }
            return true;
        }

        @Override
        public synchronized List<String> scan(String prefix, Long dueBefore, int limit) {
            List<String> keys = new ArrayList<>();
            for (Map.Entry<String, StoreRecord> entry : records.entrySet()) {
                Long due = entry.getValue().getDueAt();
                if (entry.getKey().startsWith(prefix) && (dueBefore == null || (due != null && due <= dueBefore))) {
                    keys.add(entry.getKey());
                }
            }
            Comparator<String> byKey = Comparator.naturalOrder();
            keys.sort(dueBefore == null ? byKey : Comparator.<String, Long>comparing(key -> records.get(key).getDueAt()).thenComparing(byKey));
            return new ArrayList<>(keys.subList(0, Math.min(limit, keys.size())));
        }
    }

    @Test
    void theThreeSteps() throws Exception {
        EncryptionKey key = RelayPassBlocking.generateKey();
        try (RelayPassBlocking client = builder().decryptionKey(key).timeout(Duration.ofSeconds(20)).retries(2).build()) {
            Relay relay = client.getRelays().create(CLAIM_TYPE);
            PrivacyPass pass = client.getRelays().issuePrivacyPass(CLAIM_TYPE);
            ClaimRequest request =
                new ClaimRequest(relay.getRelayToken(), relay.getRelaySecret(), pass.getPrivacyPassToken())
                    .claimType(CLAIM_TYPE);
            PermissionDeniedException unfinished =
                assertThrows(PermissionDeniedException.class, () -> client.getRelays().generateClaim(request));
            assertTrue(unfinished.getRetryable());
            sandbox.finish(relay.getRelayToken(), "passed");
            request.idempotencyKey(UUID.randomUUID().toString());
            GeneratedClaim generated = client.getRelays().generateClaim(request);
            assertTrue(generated.getClaim().getPassed());
            assertTrue(OpenClaim.openClaim(generated.getClaimPayload(), key).getPassed());
            assertEquals(Environment.PRODUCTION, client.getEnvironment());
        }
    }

    @Test
    void aVerificationOnAStoreInJava() throws Exception {
        MapStore store = new MapStore();
        List<RelayPassEvent> events = new ArrayList<>();
        RelayPassBlocking client = builder().store(store).sealKeys(new byte[32]).onEvent(events::add).build();
        Verification started = client.getVerifications().start(CLAIM_TYPE, "order-1");
        assertEquals(started.getId(), client.getVerifications().start(CLAIM_TYPE, "order-1").getId());
        assertEquals(VerificationStatus.PENDING, client.getVerifications().complete(started.getId()).getStatus());
        assertFalse(events.isEmpty());
        sandbox.visit(started);
        assertInstanceOf(Completion.Passed.class, client.getVerifications().complete(started.getId()));
        assertEquals(VerificationStatus.PASSED, client.getVerifications().get(started.getId()).getStatus());
        assertEquals(1, client.getPasses().prefetch(CLAIM_TYPE, 1));
        assertEquals(1, client.getPasses().count(CLAIM_TYPE));
        PrivacyReport report = client.privacyReport();
        assertSame(PrivacyCode.ONE_ADDRESS, report.getFindings().get(0).getCode());
        assertSame(PrivacySeverity.HIGH, report.getFindings().get(0).getSeverity());
        client.getVerifications().recover();
        client.getVerifications().forget(started.getId());
        assertThrows(NotFoundException.class, () -> client.getVerifications().get(started.getId()));
        client.close();
        assertThrows(ClosedException.class, () -> client.getRelays().create(CLAIM_TYPE));
    }

    @Test
    void whatAStoreThrowsIsTheCause() {
        for (Throwable own : List.of(new IOException("checked"), new LinkageError("an error"), new InterruptedException("own"))) {
            RelayPassBlocking client = builder().store(new MapStore() {
                @Override
                public StoreRecord load(String key) throws Exception {
                    if (own instanceof Error error) {
                        throw error;
                    }
                    throw (Exception) own;
                }
            }).build();
            StoreException error =
                assertThrows(StoreException.class, () -> client.getVerifications().get(UUID.randomUUID().toString()));
            assertSame(own, error.getCause());
        }
    }

    @Test
    void aNullAmongTheAnswersIsAnErrorNotASilence() {
        RelayPassBlocking client = builder().store(new MapStore() {
            @Override
            public List<String> scan(String prefix, Long dueBefore, int limit) {
                return null;
            }
        }).build();
        StoreException error = assertThrows(StoreException.class, () -> client.getVerifications().recover());
        assertInstanceOf(NullPointerException.class, error.getCause());
    }

    @Test
    void aStoreThatHangsIsInterrupted() throws Exception {
        CountDownLatch interrupted = new CountDownLatch(1);
        RelayPassBlocking client = builder().storeTimeout(Duration.ofMillis(50)).store(new MapStore() {
            @Override
            public StoreRecord load(String key) throws Exception {
                try {
                    Thread.sleep(60_000);
                } catch (InterruptedException stopped) {
                    interrupted.countDown();
                    throw stopped;
                }
                return null;
            }
        }).build();
        assertThrows(StoreException.class, () -> client.getVerifications().get(UUID.randomUUID().toString()));
        assertTrue(interrupted.await(20, TimeUnit.SECONDS));
    }

    @Test
    void anInterruptedCallHangsUp() throws Exception {
        try (SilentServer silent = new SilentServer()) {
            RelayPassBlocking client = RelayPassBlocking.builder().baseUrl(silent.getUrl()).build();
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            Thread caller = new Thread(() -> {
                try {
                    client.getRelays().create(CLAIM_TYPE);
                } catch (Throwable error) {
                    thrown.set(error);
                }
            });
            caller.start();
            SilentServer.Connection connection = silent.asked();
            caller.interrupt();
            connection.hungUp();
            caller.join(20_000);
            assertInstanceOf(InterruptedException.class, thrown.get());
        }
    }

    @Test
    void oneCallMayHaveATimeOfItsOwn() throws Exception {
        try (SilentServer silent = new SilentServer()) {
            RelayPassBlocking client = RelayPassBlocking.builder().baseUrl(silent.getUrl()).build();
            RelaysBlocking relays = client.within(Duration.ofMillis(50)).getRelays();
            assertThrows(RequestTimeoutException.class, () -> relays.create(CLAIM_TYPE));
        }
    }

    @Test
    void aStoreIsChecked() throws Exception {
        MapStore store = new MapStore();
        StoreReport report = CheckStore.checkStore(store, () -> store);
        assertEquals(List.of(), report.getSkipped());
        IOException own = new IOException("mine");
        StoreViolation violation = assertThrows(StoreViolation.class, () -> CheckStore.checkStore(new MapStore() {
            @Override
            public StoreRecord load(String key) throws Exception {
                throw own;
            }
        }));
        assertSame(own, violation.getCause());
        assertNotEquals("", violation.getRule());
    }
}
