"""Controls that work in the browser alone, through ``page.js``."""

TOOLBAR = """
<div class="toolbar" role="group" aria-label="Picture controls">
  <label>Overlay <input type="range" data-setting="opacity" min="0" max="100" value="35"></label>
  <label class="check"><input type="checkbox" data-setting="outlined"> Outlines only</label>
  <label>Contrast <input type="range" data-setting="contrast" min="0" max="100" value="0"
    title="Narrows the grey-level window"></label>
  <label>Brightness <input type="range" data-setting="brightness" min="0" max="100" value="50"
    title="Shifts the grey-level window"></label>
  <span class="buttons">
    <button type="button" data-action="out" aria-label="Zoom out">−</button>
    <output data-output="zoom" aria-label="Zoom">100 %</output>
    <button type="button" data-action="in" aria-label="Zoom in">+</button>
    <button type="button" data-action="reset">Reset</button>
    <button type="button" data-action="full">Full screen</button>
  </span>
  <svg width="0" height="0" aria-hidden="true" focusable="false"><filter id="window"
    color-interpolation-filters="sRGB" x="0" y="0" width="1" height="1"><feComponentTransfer>
    <feFuncR type="linear"/><feFuncG type="linear"/><feFuncB type="linear"/>
    </feComponentTransfer></filter></svg>
</div>
"""

KEYS = """
<p class="keys">Drag to move a zoomed picture; all pictures move together. Keys:
<kbd>←</kbd> <kbd>→</kbd> previous and next slice, <kbd>[</kbd> <kbd>]</kbd> threshold, <kbd>o</kbd>
outlines only, <kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd> zoom, <kbd>f</kbd> full screen.</p>
"""
