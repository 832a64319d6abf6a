package fresh;

import dev.relaypass.BlockingRelayStore;
import dev.relaypass.Completion;
import dev.relaypass.RelayPassBlocking;
import dev.relaypass.StoreRecord;
import dev.relaypass.Verification;
import java.util.List;
import java.util.TreeMap;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** A verification in an application of Spring Boot, with a store and a listener of its own. */
@SpringBootApplication
public class Shop implements CommandLineRunner {
    public static void main(String[] arguments) {
        SpringApplication.run(Shop.class, arguments);
    }

    @Override
    public void run(String... arguments) throws Exception {
        try (RelayPassBlocking client = RelayPassBlocking.builder()
                .apiKey(System.getenv("RELAYPASS_API_KEY"))
                .baseUrl(System.getenv("RELAYPASS_BASE_URL"))
                .decryptionKey(RelayPassBlocking.generateKey())
                .store(new Records())
                .onEvent(event -> System.out.println("told: " + event.getKind()))
                .build()) {
            Verification started = client.getVerifications().start("age_over18_verified", "order-1");
            Completion answer = client.getVerifications().complete(started.getId());
            System.out.println("answer: " + answer.getStatus());
        }
    }

    private static final class Records implements BlockingRelayStore {
        private final TreeMap<String, StoreRecord> records = new TreeMap<>();

        @Override
        public synchronized StoreRecord load(String key) {
            return records.get(key);
        }

        @Override
        public synchronized boolean compareAndSwap(String key, Long expected, StoreRecord next) {
            StoreRecord found = records.get(key);
            Long version = found == null ? null : (Long) found.getVersion();
            if (version == null ? expected != null : !version.equals(expected)) {
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
            return records.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith(prefix))
                .filter(entry -> dueBefore == null
                    || entry.getValue().getDueAt() != null && entry.getValue().getDueAt() <= dueBefore)
                .map(entry -> entry.getKey())
                .limit(limit)
                .toList();
        }
    }
}
