package inventory;

import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/**
 * Decides what lies in the two inputs until it is stopped: {@code Peer BOOTSTRAP_SERVERS INPUT_PREFIX LEDGER_TOPIC
 * STATE_FOLDER COMMIT_MS}.
 *
 * <p>Why each setting is what it is: docs/peers.md.
 */
public final class Peer {
  private static final int PARTITIONS = 1;

  /** Within the harness' patience between SIGTERM and SIGKILL. */
  private static final Duration CLOSE_MAX = Duration.ofSeconds(3);

  private Peer() {}

  public static void main(String[] arguments) throws InterruptedException {
    String prefix = arguments[1];
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + "streams");
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments[4]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, PARTITIONS);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
    settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
    settings.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksSettings.class);
    settings.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 8 << 20);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L << 20);

    KafkaStreams streams = new KafkaStreams(topology(prefix, arguments[2]), settings);
    CountDownLatch ended = new CountDownLatch(1);
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          ended.countDown();
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(CLOSE_MAX)));
    streams.start();
    ended.await();
    System.exit(1);
  }

  /** Both inputs into one processor, so that a count and the orders after it are in one task, by record time. */
  private static Topology topology(String prefix, String ledgerTopic) {
    var bytes = Serdes.ByteArray();
    var free =
        Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore(Decider.FREE), Serdes.String(), Serdes.Long());
    var decided =
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(Decider.DECIDED), Serdes.String(), bytes);
    return new Topology()
        .addSource("stock", bytes.deserializer(), bytes.deserializer(), prefix + "stock-events")
        .addSource("orders", bytes.deserializer(), bytes.deserializer(), prefix + "order-events")
        .addProcessor("decide", Decider::new, "stock", "orders")
        .addStateStore(free.withCachingEnabled(), "decide")
        .addStateStore(decided, "decide")
        .addSink("ledger", ledgerTopic, new ByteArraySerializer(), new ByteArraySerializer(), "decide");
  }
}
