// What scrolls sideways can be scrolled with the keyboard as well.
document.addEventListener('DOMContentLoaded', () => {
  const minded = () => {
    for (const element of document.querySelectorAll('pre, .table-wrapper')) {
      if (element.scrollWidth > element.clientWidth) element.setAttribute('tabindex', '0')
      else element.removeAttribute('tabindex')
    }
  }
  minded()
  addEventListener('resize', minded)
  document.addEventListener('change', minded)
})
