import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.Readable;

/**
 * Reads lines of "class-name version hex version" and answers each with "hex json": what Apache Kafka's own class writes
 * in the second version after reading the bytes in the first, and what it says is in it then. "default" instead of the
 * bytes asks about a new object. An exception answers with "! text".
 */
public final class Reencode {
    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(answer(line.split(" ", -1)));
        }
    }

    private static String answer(String[] words) throws Exception {
        Class<?> type = Class.forName(words[0]);
        short version = Short.parseShort(words[3]);
        try {
            Message message;
            if (words[2].equals("default")) {
                message = (Message) type.getConstructor().newInstance();
            } else {
                ByteBuffer data = ByteBuffer.wrap(HexFormat.of().parseHex(words[2]));
                message = (Message) type.getConstructor(Readable.class, short.class)
                    .newInstance(new ByteBufferAccessor(data), Short.parseShort(words[1]));
                if (data.remaining() != 0) {
                    return "! " + data.remaining() + " bytes remain";
                }
            }
            ByteBuffer written = MessageUtil.toByteBufferAccessor(message, version).buffer();
            byte[] bytes = new byte[written.remaining()];
            written.get(bytes);
            Method toJson = Class.forName(words[0] + "JsonConverter").getMethod("write", type, short.class);
            JsonNode json = (JsonNode) toJson.invoke(null, message, version);
            return HexFormat.of().formatHex(bytes) + " " + json;
        } catch (InvocationTargetException error) {
            return "! " + error.getCause();
        } catch (RuntimeException error) {
            return "! " + error;
        }
    }
}
