"""Prints every event once, in order, also if it is stopped and started again. `python read_feed.py URL [API_KEY]`."""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

url, *key = sys.argv[1:]
headers = {"Authorization": f"Bearer {key[0]}"} if key else {}
position = Path("feed-position.txt")
while True:
    after = position.read_text(encoding="utf-8") if position.exists() else "0"
    with urlopen(Request(f"{url}/events?after={after}&wait=20", headers=headers), timeout=30) as response:
        page = json.load(response)
    for event in page["data"]:
        print(event["position"], event["type"], event["order_id"], flush=True)
    position.write_text(str(page["next_after"]), encoding="utf-8")
