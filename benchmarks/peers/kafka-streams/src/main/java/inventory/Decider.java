package inventory;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Decides reservations against the free units of a SKU, each command id once, one outcome per command.
 *
 * <p>Both stores, the outcome and the offset of the input are one transaction of Kafka.
 */
final class Decider implements Processor<byte[], byte[], byte[], byte[]>, Commands.Taker {
  static final String FREE = "free";
  static final String DECIDED = "decided";

  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<String, Long> free;
  private KeyValueStore<String, byte[]> decided;
  private long recordTime;

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    free = context.getStateStore(FREE);
    decided = context.getStateStore(DECIDED);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    recordTime = record.timestamp();
    Commands.read(record.value(), this);
  }

  @Override
  public void count(String sku, long onHand) {
    free.put(sku, onHand);
  }

  @Override
  public void reserve(String id, String reservationId, String sku, long units) {
    if (decided.get(id) != null) {
      return; // a repeat: its outcome is in the log
    }
    Long left = free.get(sku);
    long granted = left != null && units <= left ? units : 0;
    if (granted > 0) {
      free.put(sku, left - granted);
    }
    byte[] outcome = ("[\"" + sku + "\"," + granted + "]").getBytes(StandardCharsets.UTF_8);
    decided.put(id, outcome);
    byte[] key = ("r/" + reservationId).getBytes(StandardCharsets.UTF_8);
    context.forward(new Record<>(key, outcome, recordTime));
  }
}
