import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * Reads record batches in hex, one a line, and answers each with what Apache Kafka's own classes make of it: the batch
 * checked, its records read, and written again with the same codec. "control" is answered with one batch of every kind
 * of control record, apart by spaces.
 */
public final class Batches {
    private static final long OFFSET = 40;
    private static final long TIMESTAMP = 99;
    private static final int LEADER_EPOCH = 6;

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(line.equals("control") ? control() : rewrite(HexFormat.of().parseHex(line)));
        }
    }

    private static String rewrite(byte[] data) {
        RecordBatch batch = MemoryRecords.readableRecords(ByteBuffer.wrap(data)).batches().iterator().next();
        batch.ensureValid();
        MemoryRecordsBuilder builder = MemoryRecords.builder(
            ByteBuffer.allocate(data.length * 2 + 1024), batch.magic(), Compression.of(batch.compressionType()).build(),
            batch.timestampType(), batch.baseOffset(), batch.maxTimestamp(), batch.producerId(), batch.producerEpoch(),
            batch.baseSequence(), batch.isTransactional(), batch.isControlBatch(), batch.partitionLeaderEpoch());
        for (Record record : batch) {
            record.ensureValid();
            builder.appendWithOffset(
                record.offset(), record.timestamp(), record.key(), record.value(), record.headers());
        }
        return hex(builder.build());
    }

    private static String control() {
        ByteBuffer space = ByteBuffer.allocate(1024);
        return String.join(" ", List.of(
            hex(MemoryRecords.withEndTransactionMarker(OFFSET, TIMESTAMP, LEADER_EPOCH, 5, (short) 1,
                new EndTransactionMarker(ControlRecordType.ABORT, 7))),
            hex(MemoryRecords.withEndTransactionMarker(OFFSET, TIMESTAMP, LEADER_EPOCH, 5, (short) 1,
                new EndTransactionMarker(ControlRecordType.COMMIT, 8))),
            hex(MemoryRecords.withLeaderChangeMessage(OFFSET, TIMESTAMP, LEADER_EPOCH, space.clear(),
                new LeaderChangeMessage().setLeaderId(3).setVoters(List.of(
                    new LeaderChangeMessage.Voter().setVoterId(1), new LeaderChangeMessage.Voter().setVoterId(3))))),
            hex(MemoryRecords.withSnapshotHeaderRecord(OFFSET, TIMESTAMP, LEADER_EPOCH, space.clear(),
                new SnapshotHeaderRecord().setLastContainedLogTimestamp(123456))),
            hex(MemoryRecords.withSnapshotFooterRecord(OFFSET, TIMESTAMP, LEADER_EPOCH, space.clear(),
                new SnapshotFooterRecord())),
            hex(MemoryRecords.withKRaftVersionRecord(OFFSET, TIMESTAMP, LEADER_EPOCH, space.clear(),
                new KRaftVersionRecord().setKRaftVersion((short) 1))),
            hex(MemoryRecords.withVotersRecord(OFFSET, TIMESTAMP, LEADER_EPOCH, space.clear(),
                new VotersRecord().setVoters(List.of(new VotersRecord.Voter().setVoterId(1)
                    .setVoterDirectoryId(new Uuid(0x0001020304050607L, 0x08090a0b0c0d0e0fL))))))));
    }

    private static String hex(MemoryRecords records) {
        ByteBuffer buffer = records.buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
