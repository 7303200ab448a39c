import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs main methods of Kafka's tools one after the other in one JVM, since each start of one costs a second or two.
 *
 * Standard input has one request a line, {"main": class, "args": [...], "stdin": text, "seconds": limit}; standard output
 * gets one answer a line, {"code": exit code, "out": text, "err": text}. A tool that takes too long is answered with
 * code -1 and where its thread stands, and the JVM ends, since there is no telling what that thread does next.
 */
public final class Harness {
    /** What Exit.exit becomes here. An Error, so that tools that catch exceptions let it pass. */
    private static final class Exited extends Error {
        final int code;

        Exited(int code, String message) {
            super("exit " + code + (message == null ? "" : ": " + message), null, false, false);
            this.code = code;
        }
    }

    /** What the running tool wants done at its end: kafka-console-producer flushes there. */
    private static final Queue<Runnable> HOOKS = new ConcurrentLinkedQueue<>();

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        AtomicReference<Exited> first = new AtomicReference<>();
        Exit.Procedure exit = (code, message) -> {
            Exited exited = new Exited(code, message);
            first.compareAndSet(null, exited); // some tools catch Throwable and exit again, with another code
            throw first.get();
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        ObjectMapper json = new ObjectMapper();
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            JsonNode request = json.readTree(line);
            first.set(null);
            HOOKS.clear();
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            System.setIn(new ByteArrayInputStream(request.get("stdin").asText().getBytes("UTF-8")));
            System.setOut(new PrintStream(out, true, "UTF-8"));
            System.setErr(new PrintStream(err, true, "UTF-8"));
            int code = run(request, first);
            ObjectNode answer = json.createObjectNode();
            answer.put("code", code).put("out", out.toString("UTF-8")).put("err", err.toString("UTF-8"));
            answers.println(json.writeValueAsString(answer));
            answers.flush();
            if (code == -1) {
                Runtime.getRuntime().halt(1);
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static int run(JsonNode request, AtomicReference<Exited> first) throws Exception {
        JsonNode words = request.get("args");
        String[] arguments = new String[words.size()];
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = words.get(i).asText();
        }
        int[] code = {0};
        Thread tool = new Thread(() -> {
            try {
                Class.forName(request.get("main").asText())
                    .getMethod("main", String[].class)
                    .invoke(null, (Object) arguments);
            } catch (InvocationTargetException thrown) {
                if (!(thrown.getCause() instanceof Exited)) {
                    thrown.getCause().printStackTrace();
                    code[0] = 1;
                }
            } catch (Throwable thrown) {
                thrown.printStackTrace();
                code[0] = 1;
            }
            HOOKS.forEach(Runnable::run);
        }, "tool");
        tool.setDaemon(true);
        tool.start();
        tool.join(request.get("seconds").asLong() * 1000);
        if (tool.isAlive()) {
            System.err.println("still running after " + request.get("seconds") + " s:");
            for (StackTraceElement frame : tool.getStackTrace()) {
                System.err.println("    at " + frame);
            }
            return -1;
        }
        return first.get() != null ? first.get().code : code[0];
    }
}
