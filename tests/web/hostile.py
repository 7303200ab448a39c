"""What somebody might write into keys, values, headers, names and statements to make a console run it or fall apart."""

MARK = "window.__ran"
"""Every script among the payloads sets this."""

_RUN = f"{MARK}=1"

PAYLOADS = (
    f"<script>{_RUN}</script>",
    f"</script><script>{_RUN}</script>",
    f"<img src=x onerror={_RUN}>",
    f'"><img src=x onerror={_RUN}>',
    f"'><svg/onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>",
    f"<iframe srcdoc='<script>parent.{_RUN}</script>'>",
    f"<iframe src=javascript:parent.{_RUN}>",
    f"javascript:{_RUN}",
    f"JaVaScRiPt:{_RUN}//",
    f"data:text/html,<script>{_RUN}</script>",
    f"<a href=javascript:{_RUN} autofocus onfocus={_RUN}>x</a>",
    f"<input autofocus onfocus={_RUN}>",
    f"<details open ontoggle={_RUN}>",
    f"<video><source onerror={_RUN}></video>",
    f"<body onload={_RUN}>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={_RUN}>",
    "<style>*{display:none!important}</style>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<base href=http://evil.example/>",
    "<form action=http://evil.example/><button>",
    "<object data=http://evil.example/x>",
    "<embed src=http://evil.example/x>",
    "<img src=http://evil.example/x.png>",
    "</textarea><script>" + _RUN + "</script>",
    "</title><script>" + _RUN + "</script>",
    "</pre></div></main></body></html><script>" + _RUN + "</script>",
    "<!--", "-->", "<![CDATA[", "]]>",
    "{{ 7 * 7 }}", "{% raw %}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
    f"${{constructor.constructor('{_RUN}')()}}",
    f"`${{{_RUN}}}`",
    "&lt;script&gt;", "&#x3c;script&#x3e;", "%3Cscript%3E",
    "\u001b[31mred\u001b[0m \u001b]0;title\u0007", "\u202egnp.exe", "\u2066a\u2069\u200b\ufeff",
    "null\u0000byte", "line\none\r\ntwo\u2028three", "=cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0",
    "' or 1=1 --", '"; drop table orders; --', "../../../../etc/passwd", "\\\\host\\share", "__proto__", "constructor",
    '{"__proto__": {"polluted": true}, "a": "</script><script>' + _RUN + '</script>"}',
    '{"' + "<img src=x onerror=" + _RUN + '>": [1e999, -0, 0.1e-400, 9007199254740993]}',
    "[" * 5_000, '{"a":' * 2_000 + "1" + "}" * 2_000, "A" * 50_000, "\U0001f525" * 300, "e" + "\u0301" * 400,
)  # fmt: skip
