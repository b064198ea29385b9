"""The words by which two people compare a machine that waits: what its screen shows, and the admin's.

Decides the code: five of 256 words, 40 bits of scrypt (RFC 7914; 16 MiB, about 50 ms) over network and identity. A
server that shows the admin an identity of its own in place of the real one has to find one with the same five words:
2^40 times 50 ms are 1,700 years of a core for each network, and nothing made for one network helps in another.
"""

import hashlib

from warren.model.ids import Identity, NetworkId

WORDS_IN_A_CODE = 5
_COST = 2**14
_BLOCK = 8

_TEXT = """
acid acorn actor agent alarm album alley amber anchor angle ankle apple apron arena arrow ash atlas attic
autumn bacon badge baker bamboo banjo barrel basin basket beach beaver bench berry bike birch bison blanket
bloom board boat bonus border bottle boulder branch brass bread brick bridge broom bucket buffalo bundle
butter button cabin cable cactus camel camera candle canoe canyon carbon cargo carpet carrot castle cedar
cellar cement chair chalk cherry chess chimney cinema circle citrus clay cliff clock cloud clover coal cobra
coffee collar comet copper coral cotton cousin crane crater cricket crown crystal cube curtain cycle dancer
dawn deer desert diamond dinner doctor dolphin donkey dragon drawer drum dune eagle echo elbow ember engine
estate fabric falcon fathom feather fence ferry fiddle finger flame flask flute forest fossil fountain fox
frost galaxy garden garlic gecko ginger glacier glove goat granite grape gravel guitar hammer harbor harvest
hazel helmet heron hiking honey horizon hornet hotel hunter igloo iris island ivory jacket jaguar jasmine
jelly jewel jungle kayak kettle kitten ladder lagoon lantern lemon leopard lily linen lizard llama lobster
locket lotus magnet mango maple marble meadow melon mirror mitten moose mosaic mustard napkin nectar needle
nickel noodle oasis ocean olive onion opera orbit orchid otter oven owl paddle palace panda paper parrot
pebble pelican pencil pepper piano pigeon pillow pirate planet plum pocket pony poppy prairie prism pumpkin
puzzle quartz quilt rabbit radar radish ranger ribbon river robin rocket ruby saddle salmon sandal saturn
scarf shadow silver spider sponge timber tulip velvet walnut zebra
"""
_WORDS = tuple(_TEXT.split())


def code_of(network: NetworkId, identity: Identity) -> str:
    """The words of a machine in a network, with spaces between."""
    digest = hashlib.scrypt(identity, salt=b"warren/words/v1" + network, n=_COST, r=_BLOCK, p=1, dklen=WORDS_IN_A_CODE)
    return " ".join(_WORDS[byte] for byte in digest)


def same(said: str, code: str) -> bool:
    """Whether what a person typed is this code, however it was spaced or written."""
    return said.lower().replace("-", " ").split() == code.split()
