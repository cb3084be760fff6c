"""Serves localstripe on a free port of 127.0.0.1 and writes its address, until the standard input ends.

Left to itself, localstripe listens on every address, and writes all it knows to /tmp/localstripe.pickle after each
change, which fails where another user has run it. Two things that Stripe has and Buffalo needs are missing in it and
added here: a charge's `amount_captured`, and `created[gt]` in the list of refunds, which the list of charges has.
"""

import asyncio
import sys

from aiohttp import web
from localstripe.resources import Charge, Refund, Store
from localstripe.server import app

Store.dump_to_disk = lambda store: None

# What localstripe keeps of a charge does not tell that only a part of it was captured.
Charge.amount_captured = property(lambda charge: charge.amount if charge.paid and charge.captured else 0)

list_refunds = Refund._api_list_all


def list_refunds_created(url, created=None, **query):
    refunds = list_refunds(url, **query)
    if created is not None:
        # Any other bound is an error, as in localstripe's list of charges.
        after = int(created.pop('gt'))
        assert not created
        refunds._list = [refund for refund in refunds._list if refund.created > after]
    return refunds


Refund._api_list_all = list_refunds_created


async def serve():
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, '127.0.0.1', 0).start()
    host, port = runner.addresses[0]
    print(f'http://{host}:{port}', flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)


asyncio.run(serve())
